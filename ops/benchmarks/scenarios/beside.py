"""How soon is a text of a conversation at Twilio while a bulk of ten thousand drains?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ops.benchmarks import sending
from ops.benchmarks.books import Books
from ops.benchmarks.field import Bench
from ops.benchmarks.house import wait_for
from ops.benchmarks.load import Answers, Generator
from ops.benchmarks.numbers import percentile
from ops.benchmarks.report import Section, Table
from ops.benchmarks.scenarios.drain import PER_S, QUICK, TEXTS, WITHIN_S
from ops.benchmarks.sending import Sending

RATE: Final = 5.0  # texts a second: as many missed calls as a large house has
CONNECTIONS: Final = 8
AT_TWILIO_WITHIN_S: Final = 30.0
_WARM_UP: Final = 20
_OTHERS: Final = 1_000_000  # where the people of the bulk begin


@dataclass(frozen=True)
class Delays:
    """From the moment a text was due to its answer, and to its create at the simulator."""

    answers: Answers
    sent_ms: Sequence[float]
    asked: int


def measure(bench: Bench) -> Section:
    """The same texts from the same numbers, first alone, then beside the bulk."""
    each = int(RATE * bench.asked.seconds)
    with sending.opened(bench, "ours", without=("notify", "beat"), per_s=PER_S) as house:
        load = Generator(house.address, CONNECTIONS, house.texts(0, _WARM_UP + 2 * each, purpose="conversation"))
        try:
            _delays(house, load, _WARM_UP, 0)
            alone = _delays(house, load, each, _WARM_UP)
            bulk = house.ask_bulk(_OTHERS, QUICK if bench.asked.quick else TEXTS)
            books = Books(house.env["TS_SIMULATOR_URL"])
            before = books.look()
            wait_for(lambda: books.look() > before + 100, WITHIN_S)
            among = _delays(house, load, each, _WARM_UP + each)
            left = house.expanded(bulk) - (books.look() - before - each)
        finally:
            load.close()
    return Section(
        "beside",
        "Texts of a conversation, alone and beside a bulk",
        [Table(["beside", "texts", "answered p50 / p95 ms", "at Twilio p50 / p95 / longest ms", "remarks"], [
            _row("nothing", alone, ""), _row(f"a bulk of {TEXTS:,}", among, f"{left:,} of it waited at the end"),
        ])],
        notes=[f"{RATE:g} a second, purpose conversation, from the numbers that the bulk uses too ({PER_S:g} segments a second "
               "each). From the moment a text was due to the simulator's note of its create."],
    )  # fmt: skip


def _delays(house: Sending, load: Generator, count: int, first: int) -> Delays:
    books = Books(house.env["TS_SIMULATOR_URL"])
    people = [sending.person(number) for number in range(first, first + count)]
    answers = load.paced(count, RATE)

    def are_sent() -> bool:
        books.look()
        return all(person in books.at_ns for person in people)

    wait_for(are_sent, AT_TWILIO_WITHIN_S)
    due_ns = [answers.began_at_ns + int(place / RATE * 1e9) for place in range(count)]
    return Delays(answers, sorted(
        (books.at_ns[person] - due) / 1e6 for person, due in zip(people, due_ns, strict=True) if person in books.at_ns
    ), count)  # fmt: skip


def _row(name: str, found: Delays, remark: str) -> list[str]:
    took = sorted(found.answers.took_ns)
    missing = found.asked - len(found.sent_ms)
    return [
        name,
        str(len(found.sent_ms)),
        " / ".join(f"{percentile(took, p) / 1e6:.1f}" for p in (50, 95)),
        " / ".join([*(f"{percentile(found.sent_ms, p):.0f}" for p in (50, 95)), f"{found.sent_ms[-1]:.0f}"]),
        "; ".join(filter(None, [remark, f"{missing} not sent in time" if missing else ""])),
    ]
