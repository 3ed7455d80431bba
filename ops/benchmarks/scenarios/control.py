"""How soon is a live call over, and how soon recorded, after somebody asked: alone, and beside a bulk of texts?"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
import requests

from ops.benchmarks import sending
from ops.benchmarks.field import Bench
from ops.benchmarks.house import wait_for
from ops.benchmarks.numbers import percentile
from ops.benchmarks.report import Goal, Section, Table, goal
from ops.benchmarks.sending import Sending

A_SECOND: Final = 5.0  # calls that are controlled, one after the other
END_MS: Final = 150.0
RECORD_MS: Final = 500.0
TEXTS: Final = 10_000  # of the bulk: more than drains meanwhile
WITHIN_S: Final = 30.0
_WARM_UP: Final = 5
_LOOK_EVERY_S: Final = 0.005  # a figure may be too large by this and a look; more looks would take a core
_CALLER: Final = "+12125550142"
_OTHERS: Final = 1_000_000  # where the people of the bulk begin
_WAITS: Final = '<Response><Pause length="86400"/></Response>'
_ENDS: Final = frozenset({"completed", "canceled", "busy", "failed", "no-answer"})
_PROGRAMS: Final = ("ingress", "events", "sms", "calls", "recordings")


@dataclass
class Figures:
    """Milliseconds from the moment of asking: to our answer, and until the simulator shows it."""

    answered: list[float] = field(default_factory=list)
    done: list[float] = field(default_factory=list)
    late: int = 0


@dataclass
class Calls:
    """Live calls at the simulator, which the service knows of by their callbacks."""

    house: Sending
    session: requests.Session = field(default_factory=requests.Session)

    def begin(self, count: int) -> list[str]:
        """So many, each answered and going on; raises RuntimeError when they do not come about."""
        sids = [self._begin() for _ in range(count)]
        if not wait_for(lambda: self._known(sids) == count, WITHIN_S):
            raise RuntimeError("the calls do not come about")
        return sids

    def ask(self, path: str, body: dict[str, Any] | None = None) -> None:
        """As a client of the API."""
        host, port = self.house.address
        answer = self.session.post(
            f"http://{host}:{port}/api/calls/{path}",
            json=body or {},
            headers={"Authorization": f"Bearer {self.house.api_key}"},
            timeout=30,
        )
        answer.raise_for_status()

    def shown(self, call_sid: str) -> dict[str, Any]:
        """As the simulator has it, with its recordings."""
        return self.session.get(f"{self.house.env['TS_SIMULATOR_URL']}/sim/calls/{call_sid}", timeout=30).json()

    def _begin(self) -> str:
        env = self.house.env
        made = self.session.post(
            f"{env['TS_SIMULATOR_URL']}/2010-04-01/Accounts/{env['TWILIO_ACCOUNT_SID']}/Calls.json",
            data={"To": _CALLER, "From": sending.sender(0), "Twiml": _WAITS,
                  "StatusCallback": f"{env['TS_PUBLIC_URL']}/api/webhooks/call",
                  "StatusCallbackEvent": ["answered", "completed"]},
            auth=(env["TWILIO_ACCOUNT_SID"], env["TWILIO_AUTH_TOKEN"]),
            timeout=30,
        )  # fmt: skip
        made.raise_for_status()
        return str(made.json()["sid"])

    def _known(self, sids: Sequence[str]) -> int:
        with psycopg.connect(self.house.bench.database_url) as conn:
            row = conn.execute(
                "select count(*) from calls where status = 'in-progress' and call_sid = any(%s)", (list(sids),)
            ).fetchone()
        return row[0] if row else 0


def measure(bench: Bench) -> Section:
    """Each call is recorded and then ended; the second half of them while a bulk drains."""
    each = max(10, int(A_SECOND * bench.asked.seconds))
    with sending.opened(bench, "ours", programs=_PROGRAMS) as house:
        calls = Calls(house)
        phone = f"{house.env['TS_SIMULATOR_URL']}/sim/phones/{_CALLER}"
        requests.put(phone, json={"answer_after_s": 0, "talk_s": 86400}, timeout=10).raise_for_status()
        sids = calls.begin(_WARM_UP + 2 * each)
        _controlled(calls, sids[:_WARM_UP])
        alone = _controlled(calls, sids[_WARM_UP : _WARM_UP + each])
        house.ask_bulk(_OTHERS, TEXTS)
        wait_for(lambda: len(house.taken_ns()) > 100, WITHIN_S)
        among = _controlled(calls, sids[_WARM_UP + each :])
        left = TEXTS - len(house.taken_ns())
    return Section(
        "control",
        f"Control of live calls, {each} of them each time",
        [Table(_COLUMNS, [
            *_rows("nothing", alone, ""), *_rows("a bulk of texts", among, f"{left:,} of {TEXTS:,} waited at the end"),
        ])],
        _goals(alone),
        ["The whole house and the simulator on one machine. From the moment of asking, over one connection kept alive; the "
         f"simulator is asked every {_LOOK_EVERY_S * 1000:g} ms whether it is done.",
         "Real Twilio takes 60 to 200 ms for a request; the simulator does at once. One call after the other."],
    )  # fmt: skip


_COLUMNS: Final = ("beside", "what", "answered p50 / p95 / p99 ms", "done at Twilio p50 / p95 / p99 ms", "remarks")


def _controlled(calls: Calls, sids: Sequence[str]) -> tuple[Figures, Figures]:
    """(recording, ending) of these calls."""
    recorded, ended = Figures(), Figures()
    for sid in sids:
        _timed(recorded, lambda sid=sid: calls.ask(f"{sid}/recording/start", {"consent": "obtained"}),
               lambda sid=sid: any(one["status"] == "in-progress" for one in calls.shown(sid)["recordings"]))  # fmt: skip
        _timed(ended, lambda sid=sid: calls.ask(f"{sid}/end"), lambda sid=sid: calls.shown(sid)["status"] in _ENDS)
    print(f"  {len(sids)} calls recorded and ended", file=sys.stderr, flush=True)
    return recorded, ended


def _timed(figures: Figures, ask: Callable[[], None], is_done: Callable[[], bool]) -> None:
    began = time.perf_counter()
    ask()
    figures.answered.append((time.perf_counter() - began) * 1e3)
    while not is_done():
        if time.perf_counter() - began > WITHIN_S:
            figures.late += 1
            return
        time.sleep(_LOOK_EVERY_S)
    figures.done.append((time.perf_counter() - began) * 1e3)


def _rows(beside: str, found: tuple[Figures, Figures], remark: str) -> list[list[str]]:
    return [
        [
            beside,
            what,
            _spread(figures.answered),
            _spread(figures.done),
            "; ".join(filter(None, (remark, f"{figures.late} not done in {WITHIN_S:.0f} s" if figures.late else ""))),
        ]
        for what, figures in zip(("recording", "end"), found, strict=True)
    ]


def _spread(took_ms: Sequence[float]) -> str:
    return " / ".join(f"{percentile(sorted(took_ms), p):.1f}" for p in (50, 95, 99)) if took_ms else "-"


def _goals(found: tuple[Figures, Figures]) -> list[Goal]:
    recorded, ended = (percentile(sorted(figures.done), 95) if figures.done else None for figures in found)
    return [
        goal(f"a call is over: p95 at most {END_MS:g} ms", ended, f"{ended or 0:.1f} ms", (ended or 0) <= END_MS),
        goal(
            f"it is recorded: p95 at most {RECORD_MS:g} ms",
            recorded,
            f"{recorded or 0:.1f} ms",
            (recorded or 0) <= RECORD_MS,
        ),
    ]
