"""A subscriber that was away for a day: is it told everything, once, in order, how soon, and does anybody else notice?"""

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import psycopg
from psycopg import Connection

from ops.benchmarks import caught_up, corpus, house, receivers
from ops.benchmarks.caught_up import Account
from ops.benchmarks.day import Day
from ops.benchmarks.field import READY_WITHIN_S, Bench
from ops.benchmarks.house import House, wait_for
from ops.benchmarks.load import Generator
from ops.benchmarks.numbers import percentile
from ops.benchmarks.report import Goal, Section, Table
from shared.db.notifications import Notice
from shared.domain import circuit

DAY_S: Final = 86_400.0
AWAY, BESIDE = f"{house.SUBSCRIBER}-away", f"{house.SUBSCRIBER}-beside"
ASKED_FOR: Final = "sms.delivered"  # of which only the one that is away wants to know
RATE: Final = 20.0  # webhooks a second that the other is told of, throughout
MOST_BESIDE_MS: Final = 1_000.0  # p99; what a webhook waits for is the second table of "told"
CAUGHT_UP_WITHIN_S: Final = 300.0
_ALONE_S, _QUICK_ALONE_S = 10.0, 3.0
_LINES: Final = 8


@dataclass(frozen=True)
class Size:
    """Of the day: notifications, in so many orders; no step is shorter than `step_s`."""

    notifications: int
    orders: int
    step_s: float


FULL, QUICK = Size(20_000, 2_000, 0.0), Size(2_000, 200, 3_600.0)


@dataclass
class Found:
    """What the day has brought. `asked`: requests while it was away, by how they ended."""

    account: Account
    asked: Mapping[str, int]
    dead: int
    circuit: str
    peak: int
    took_s: float
    beside: "Beside"


@dataclass
class Beside:
    """The webhooks that the other subscriber is told of: when each was due, and when a part of the day began, ns."""

    due: dict[str, int] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    ends_ns: int = 0
    told: Mapping[str, int] = field(default_factory=dict)

    def begins(self, part: str) -> None:
        """From now on."""
        self.parts[part] = time.time_ns()

    def took_ms(self, part: str) -> tuple[list[float], int]:
        """Rising, of the webhooks that were due in this part; and how many were never told."""
        start = self.parts[part]
        end = min((at for at in self.parts.values() if at > start), default=self.ends_ns)
        due = {sid: at for sid, at in self.due.items() if start <= at < end}
        took = sorted((self.told[sid] - at) / 1e6 for sid, at in due.items() if sid in self.told)
        return took, len(due) - len(took)


def measure(bench: Bench) -> Section:
    """The whole house; the day is made of steps, each as long as the relay leaves the endpoint alone."""
    size = QUICK if bench.asked.quick else FULL
    wants = {AWAY: ASKED_FOR, BESIDE: house.TOLD_AS}
    requests = corpus.requests(int(RATE * 900))
    with (
        house.opened(bench, wants, absent=[AWAY]) as home,
        psycopg.connect(bench.database_url, autocommit=True) as conn,
        _beside(home, requests) as beside,
    ):
        beside.begins("while both are there")
        time.sleep(_QUICK_ALONE_S if bench.asked.quick else _ALONE_S)
        day = Day(conn, AWAY)
        beside.begins("while the other is away")
        promised = _away(home, day, size)
        asked = _asked(conn)
        beside.begins("while the other catches up")
        peak, took_s = _caught_up(home, day)
        beside.ends_ns = time.time_ns()
        state = conn.execute("select circuit from endpoint_states where endpoint_id = %s", (AWAY,)).fetchone()
        dead = conn.execute("select count(*) from deliveries where outcome = 'failed'").fetchone()
    account = caught_up.account(_receiver(home, AWAY).heard(), promised)
    found = Found(account, asked, dead[0] if dead else -1, state[0] if state else "", peak, took_s, beside)
    return _section(size, found)


@contextmanager
def _beside(home: House, requests: Sequence[bytes]) -> Iterator[Beside]:
    """Webhooks at an even pace until the end, in a thread of their own."""
    beside, over, told_of = Beside(), threading.Event(), _receiver(home, BESIDE)
    generator = Generator(home.address, _LINES, requests)

    def send() -> None:
        while not over.is_set() and generator.sent < len(requests):
            first = generator.sent
            answers = generator.paced(int(RATE), RATE)
            for place in range(generator.sent - first):
                beside.due[corpus.call_sid(first + place)] = answers.began_at_ns + int(place * 1e9 / RATE)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield beside
    finally:
        over.set()
        thread.join()
        generator.close()
    wait_for(lambda: told_of.count() >= len(beside.due), READY_WITHIN_S)
    beside.told = told_of.told_ns()


def _receiver(home: House, name: str) -> receivers.Receiver:
    return next(one for one in home.receivers if one.name == name)


def _away(home: House, day: Day, size: Size) -> set[str]:
    """Nobody listens there for half a day, then somebody who refuses; things to tell it of arrive evenly all day. Their ids."""
    promised: set[str] = set()
    receiver = _receiver(home, AWAY)
    receiver.down.touch()
    while len(promised) < size.notifications:
        due = min(size.notifications, max(1, int(size.notifications * day.passed_s / DAY_S)) + _FIRST)
        notices = [_notice(number, size.orders) for number in range(len(promised), due)]
        promised |= day.promise(notices, age_s=max(0.0, DAY_S - day.passed_s))
        day.quiet()
        if day.passed_s >= DAY_S / 2 and AWAY not in home.supervisor.kept:
            home.supervisor.start(receiver.service())
            home.supervisor.wait_ready([AWAY], READY_WITHIN_S)
        day.pass_until_probe(size.step_s)
    while day.passed_s < DAY_S:
        day.quiet()
        day.pass_until_probe(size.step_s)
    day.quiet()
    print(f"  {len(promised):,} promised in {day.passed_s / 3600:.1f} h", file=sys.stderr, flush=True)
    return promised


_FIRST: Final = 20  # more than open the circuit, in orders of their own


def _notice(number: int, orders: int) -> Notice:
    key, nth = number % orders, number // orders
    data = {"key": key, "nth": nth}
    return Notice(type=ASKED_FOR, subject=f"{key}:{nth}", tenant_id=None, order_key=f"order-{key}", data=data)


def _asked(conn: Connection) -> dict[str, int]:
    rows = conn.execute(
        "select coalesce(error, 'told') from delivery_attempts where endpoint_id = %s", (AWAY,)
    ).fetchall()
    return dict(Counter(row[0] for row in rows))


def _caught_up(home: House, day: Day) -> tuple[int, float]:
    """It answers again, and is asked: the most that were under way at once, and seconds until nothing was owed."""
    _receiver(home, AWAY).down.unlink()
    day.pass_until_probe()
    began, peak = time.monotonic(), 0
    while day.is_owed() and time.monotonic() - began < CAUGHT_UP_WITHIN_S:
        peak = max(peak, day.in_hand())
        time.sleep(0.05)
    took_s = time.monotonic() - began
    print(f"  caught up in {took_s:.1f} s", file=sys.stderr, flush=True)
    return peak, took_s


def _section(size: Size, found: Found) -> Section:
    account = found.account
    rate = account.told / account.elapsed_s if account.elapsed_s else 0.0
    owed = Table(
        ("notifications", "orders", "told", "lost", "doubled", "out of order", "dead letters", "s to catch up",
         "told/s", "most under way"),
        [[f"{size.notifications:,}", f"{size.orders:,}", f"{account.told:,}", f"{account.lost}", f"{account.doubled}",
          f"{account.disordered}", f"{found.dead}", f"{found.took_s:.1f}", f"{rate:.0f}", f"{found.peak}"]],
    )  # fmt: skip
    asked = Table(
        ("requests while it was away, by how they ended", "count"),
        [[f"`{error}`", f"{count}"] for error, count in sorted(found.asked.items())],
    )
    return Section(
        "outage",
        f"A subscriber that was away for a day: {size.notifications:,} notifications of {size.orders:,} orders",
        [owed, asked, _table_beside(found.beside)],
        _goals(size, found),
        [
            "The day is simulated: whenever the endpoint's circuit was open and nothing under way, the times that this "
            "endpoint's work waits for (probe, retries) were moved back until the next probe was due"
            + (f", by {size.step_s / 3600:g} h at least" if size.step_s else "")
            + ". Every request is a real one, made by the relay when it was due.",
            "Half of the day nobody listens on its port, then a server answers 503; meanwhile what it is to be told arrives "
            "evenly, through `notify_all` as everything does. Then it answers 204 at once.",
            "Lost, doubled, out of order: by the subscriber's own notes, by `webhook-id` and by the number in each order. "
            "Catching up begins with the probe that succeeds, which in a real outage comes "
            f"{circuit.LONGEST_PROBE_S:.0f} s after the server is back at the latest. Under way: leased, every 50 ms.",
            f"Beside it another subscriber is told of {RATE:.0f} webhooks a second, from due to told.",
        ],
    )


def _table_beside(beside: Beside) -> Table:
    rows: list[list[str]] = []
    for part in beside.parts:
        took, missing = beside.took_ms(part)
        three = (f"{percentile(took, percent):,.1f}" for percent in (50, 99, 100))
        rows.append([part, f"{len(took):,}", *three, f"{missing}"])
    return Table(("the other subscriber", "told", "p50 ms", "p99 ms", "longest ms", "missing"), rows)


def _goals(size: Size, found: Found) -> list[Goal]:
    account, all_of = found.account, size.notifications
    p99 = {part: percentile(found.beside.took_ms(part)[0], 99) for part in found.beside.parts}
    worst = max(p99, key=lambda part: p99[part])
    missing = sum(found.beside.took_ms(part)[1] for part in p99)
    return [
        Goal("told of everything: none lost, none strange", f"{account.told:,} of {all_of:,}",
             account.told == all_of and account.lost == account.strange == 0),
        Goal("told twice: 0", f"{account.doubled}", account.doubled == 0),
        Goal("out of order within a key: 0", f"{account.disordered}", account.disordered == 0),
        Goal("dead letters: 0, and the circuit is closed", f"{found.dead}, {found.circuit}",
             found.dead == 0 and found.circuit == "closed"),
        Goal(f"the other subscriber's p99 below {MOST_BESIDE_MS:,.0f} ms throughout, none missing",
             f"{p99[worst]:,.0f} ms {worst}, {missing} missing", p99[worst] < MOST_BESIDE_MS and missing == 0),
    ]  # fmt: skip
