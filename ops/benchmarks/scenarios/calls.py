"""How many calls at once does the house take, each with its whole life, and how soon does a missed one bring its text?"""

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from ops.benchmarks import calling, lives, machine
from ops.benchmarks.calling import KINDS, Calling
from ops.benchmarks.field import Bench
from ops.benchmarks.house import wait_for
from ops.benchmarks.lives import TWIML, Verdict
from ops.benchmarks.machine import Window
from ops.benchmarks.numbers import percentile
from ops.benchmarks.report import Goal, Section, Table, goal
from ops.benchmarks.trial import DISTURBED

# World seconds in a real one. Usually people take their time, so that all calls are there at once.
SPEED, QUICK_SPEED = 1.0, 10.0
OVER_WITHIN_S: Final = 180.0  # the longest story takes a minute
# A call whose last webhook is late is settled after a minute; what takes longer is said, not waited for.
DONE_WITHIN_S: Final = 120.0
TWIML_P99_MS: Final = 100.0
TEXT_P95_S: Final = 5.0
_DOUBLES: Final = ("simulator", "standins", "s3")
_NS: Final = 1e9
# The events that are answered with TwiML.
_WITH_TWIML: Final = frozenset({"call-in", "dial", "gather", "choice", "whisper", "accept", "voicemail"})


@dataclass(frozen=True)
class Run:
    """So many calls at once. Times as the simulator saw them; `handed_ms` from a decision to the text's hand-over."""

    count: int
    verdicts: Mapping[int, Verdict]
    """By place: its kind is `calling.kind_of`."""
    at_once: int
    answered_ms: Sequence[float]
    own_p99_ms: float
    """Of the same answers by the ingress's clock: a bucket's bound."""
    webhooks: int
    busiest: int
    handed_ms: Sequence[float]
    missed: int
    still_owed: int
    window: Window

    @property
    def whole(self) -> int:
        """Calls whose whole life is in our books."""
        return sum(not verdict.missing for verdict in self.verdicts.values())

    @property
    def right(self) -> int:
        """Calls that were decided as they went."""
        return sum(verdict.is_right for verdict in self.verdicts.values())

    def cpu_ms(self, *names: str) -> float:
        """CPU of these programs for each call."""
        return sum(self.window.by_group[name] for name in names) / self.count * 1e3

    @property
    def programs(self) -> list[str]:
        """Those of the house, without the world outside."""
        return [name for name in self.window.by_group if name not in (*_DOUBLES, "bench")]


def measure(bench: Bench) -> Section:
    """Every number of calls that was asked for, in a house of its own."""
    runs = [_run(bench, count) for count in bench.asked.calls]
    return Section(
        "calls",
        "Calls at once, each with its whole life",
        [Table(_COLUMNS, [_row(run) for run in runs]), _cpu(runs), _kinds(runs)],
        _goals(runs),
        [
            f"Everybody calls within a second or two, in a world of speed {_speed(bench):g}; each to a business of its own. "
            "Everything shares the cores: the service, its stores, the simulator of Twilio with a thread a call, the stand-in "
            "of as-call-service.",
            "Whole: the call's last status and seconds, its legs and recordings are in our books as in the simulator's, and "
            "every webhook that the simulator posted was answered 2xx and is an event. Decided right: as the simulator says "
            "that its people did.",
            "TwiML: from the simulator's request to the whole answer, a new connection each time, and the waiting of the "
            "simulator's own thread, one of hundreds in one process, included. In the ingress: by its own histogram, from the "
            "request to the answer; the bound of the bucket.",
            "Text: from the call's decision to the text handed to Twilio, by way of as-call-service and its request to us.",
            "CPU is user and system time from /proc until nothing is owed any more.",
        ],
    )  # fmt: skip


_COLUMNS: Final = (
    "calls", "at once", "whole", "decided right", "TwiML p50 / p99 / longest ms", "its p99 in the ingress ms", "webhooks",
    "a second, busiest",
    "texts", "decided to handed p50 / p95 / longest ms", "CPU ms a call", "remarks",
)  # fmt: skip


def _speed(bench: Bench) -> float:
    return QUICK_SPEED if bench.asked.quick else SPEED


def _run(bench: Bench, count: int) -> Run:
    with calling.opened(bench, count, _speed(bench)) as house:
        groups = {**house.pids(), "bench": machine.own_pid()}
        first = machine.moment(groups)
        places = house.place(count)
        wait_for(lambda: _over(house) >= count, OVER_WITHIN_S)
        wait_for(lambda: house.owed() == 0 and _is_all_told(house), DONE_WITHIN_S)
        window = machine.between(first, machine.moment({**house.pids(), "bench": machine.own_pid()}))
        run = _read(house, places, window)
    print(f"  {count}: {run.whole} whole, {run.right} decided right", file=sys.stderr, flush=True)
    for verdict in run.verdicts.values():
        if verdict.missing or not verdict.is_right:
            said = "; ".join([*verdict.missing, f"{verdict.decision}, was {verdict.expected}"])
            print(f"  {verdict.sid}: {said}", file=sys.stderr, flush=True)
    return run


def _over(house: Calling) -> int:
    """Calls that have ended: a caller's call says so once, to the number's own address."""
    time.sleep(0.4)  # the simulator has better things to do than to be asked
    told = house.simulated("webhooks", kind="call-status")
    return len(
        {one["sid"] for one in told if "ParentCallSid" not in one["params"] and one["params"]["CallStatus"] in _FINAL}
    )


_FINAL: Final = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})


def _is_all_told(house: Calling) -> bool:
    """Recordings are ready some time after their call is over, and what only the journal has becomes an event later still."""
    time.sleep(0.4)
    told = house.simulated("webhooks")
    ready = {one["sid"] for one in told if one["params"].get("RecordingStatus") in ("completed", "absent")}
    recorded = {recording["sid"] for call in house.simulated("calls") for recording in call["recordings"]}
    known = lives.read(house.bench.database_url, []).tokens
    return recorded <= ready and all(one["token"] in known for one in told if one["outcome"] == "ok")


def _read(house: Calling, places: Mapping[str, int], window: Window) -> Run:
    simulated = {call["sid"]: call for call in house.simulated("calls") if call["sid"] in places}
    history = house.simulated("webhooks")
    by_sid: dict[str, list[Any]] = {}
    for webhook in history:
        by_sid.setdefault(webhook["sid"], []).append(webhook)
    sids = [*simulated, *(leg["sid"] for call in simulated.values() for leg in call["children"])]
    ours = lives.read(house.bench.database_url, sids)
    verdicts = {places[sid]: lives.judged(call, by_sid, ours) for sid, call in simulated.items()}
    took = sorted((one["done_ns"] - one["sent_ns"]) / 1e6 for one in history if one["kind"] in TWIML)
    seconds = Counter(int(one["sent_ns"] // _NS) for one in history)
    return Run(
        len(places),
        verdicts,
        at_once([by_sid[sid] for sid in simulated if sid in by_sid]),
        took,
        house.acked_ms(_WITH_TWIML, 99),
        len(history),
        max(seconds.values(), default=0),
        _handed_ms(house.bench.database_url),
        sum(verdict.decision == "missed" for verdict in verdicts.values()),
        house.owed(),
        window,
    )


def at_once(calls: Sequence[Sequence[Mapping[str, Any]]]) -> int:
    """Most calls that were going on together: from the first webhook that was sent to the last that was answered."""
    moments = [(min(one["sent_ns"] for one in call), 1) for call in calls]
    moments += [(max(one["done_ns"] for one in call), -1) for call in calls]
    most = now = 0
    for _, change in sorted(moments):
        now += change
        most = max(most, now)
    return most


def _handed_ms(database_url: str) -> list[float]:
    """Rising; each missed call's first text."""
    with psycopg.connect(database_url) as conn:
        rows = conn.execute(
            """
            select min(extract(epoch from (s.at - c.decided_at)) * 1000)::float
              from calls c join messages m on m.to_number = c.from_number and m.direction = 'outbound'
              join message_steps s on s.message_id = m.id and s.step = 'handed'
             where c.decision = 'missed' group by c.call_sid order by 1
            """
        ).fetchall()
    return [row[0] for row in rows]


def _row(run: Run) -> list[str]:
    return [
        f"{run.count:,}",
        f"{run.at_once:,}",
        f"{run.whole:,}",
        f"{run.right:,}",
        " / ".join(f"{percentile(run.answered_ms, p):.1f}" for p in (50, 99, 100)),
        f"<= {run.own_p99_ms:g}",
        f"{run.webhooks:,}",
        f"{run.busiest:,}",
        f"{len(run.handed_ms):,} of {run.missed:,}",
        " / ".join(f"{percentile(run.handed_ms, p):,.0f}" for p in (50, 95, 100)),
        f"{run.cpu_ms(*run.programs):.0f}",
        _remarks(run),
    ]


def _remarks(run: Run) -> str:
    said = [f"{run.count - len(run.verdicts)} never began"] if len(run.verdicts) < run.count else []
    said += [f"{run.still_owed} jobs and events still owed"] if run.still_owed else []
    if run.window.others > DISTURBED:
        said.append(f"disturbed, others {run.window.others:.0%}")
    return "; ".join(said)


def _cpu(runs: Sequence[Run]) -> Table:
    """Where the CPU goes, program by program."""
    programs = [*runs[0].programs, *_DOUBLES]
    rows = [[f"{run.count:,}", *(f"{run.cpu_ms(name):.1f}" for name in programs)] for run in runs]
    return Table(["CPU ms a call", *programs], rows)


def _kinds(runs: Sequence[Run]) -> Table:
    """The largest run, kind by kind."""
    run = max(runs, key=lambda run: run.count)
    rows = []
    for kind in KINDS:
        mine = [verdict for place, verdict in run.verdicts.items() if calling.kind_of(place) is kind]
        went, decided = Counter(one.expected for one in mine), Counter(one.decision or "open" for one in mine)
        rows.append(
            [kind.name, str(len(mine)), _words(went), _words(decided), str(sum(not one.missing for one in mine))]
        )
    return Table(["of the most calls", "calls", "went", "decided", "whole"], rows)


def _words(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))


def _goals(runs: Sequence[Run]) -> list[Goal]:
    return [goal for run in runs for goal in _goals_of(run)]


def _goals_of(run: Run) -> list[Goal]:
    lost, wrong = run.count - run.whole, run.count - run.right
    p99, p95_s = percentile(run.answered_ms, 99), percentile(run.handed_ms, 95) / 1e3
    at, most_s = f"{run.count:,} calls", f"p95 at most {TEXT_P95_S:g} s"
    return [
        Goal(f"{at}: whose life is not whole in our books: 0", f"{lost}", lost == 0),
        Goal(f"{at}: decided otherwise than they went: 0", f"{wrong}", wrong == 0),
        goal(f"{at}: TwiML p99 below {TWIML_P99_MS:g} ms", p99, f"{p99:.1f} ms", p99 < TWIML_P99_MS),
        goal(f"{at}: decided to handed to Twilio {most_s}", p95_s, f"{p95_s:.1f} s", p95_s <= TEXT_P95_S),
    ]
