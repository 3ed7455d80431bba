"""Reads what is there in the end, with SQL and requests of its own, and waits until there is nothing more to come."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import psycopg
import requests

from ops.faultlab import twilio
from ops.faultlab.calls.house import SUBSCRIBER
from ops.faultlab.calls.lives import SPEED
from ops.faultlab.calls.told import (
    Asked,
    Books,
    Dialled,
    Kept,
    Line,
    Notice,
    Placing,
    Posted,
    Rang,
    Step,
    Wished,
)
from ops.faultlab.calls.weather import LATE_S
from ops.faultlab.house import House

TOLD: Final[Mapping[str, Literal["incoming", "missed"]]] = {
    "/as-call/calls/incoming": "incoming",
    "/as-call/calls/missed": "missed",
}
OVER: Final = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
# After the last call: callbacks that are late, and their tries.
QUIET_S: Final = LATE_S / SPEED + 1.0


def owed(house: House, ask: Callable[[], str]) -> Callable[[], str]:
    """A question for `Keeper.wait`: calls that still go on, callbacks that may be late, and then `ask`."""
    over_since: list[float] = []

    def question() -> str:
        if not over_since:
            going_on = [line.sid for line in lines(house).values() if not line.is_over]
            if going_on:
                return f"{len(going_on)} calls go on, as {going_on[0]}"
            over_since.append(time.monotonic())
        if time.monotonic() - over_since[0] < QUIET_S:
            return "the last callbacks may be late"
        return ask()

    return question


def witnessed(path: Path) -> tuple[list[Rang], list[Wished]]:
    """What the calling side has written down."""
    told = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Rang(**it) for it in told if "sid" in it], [Wished(**it) for it in told if "what" in it]


def posted(path: Path) -> list[Posted]:
    """Every webhook of the simulator's about calls."""
    tries: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["sid"].startswith("CA"):
            tries.setdefault((entry["token"], entry["kind"]), []).append(entry)
    return [
        Posted(token, kind, found[0]["sid"], found[0]["status"], any(entry["outcome"] == "ok" for entry in found))
        for (token, kind), found in tries.items()
    ]


def lines(house: House) -> dict[str, Line]:
    """Every call that Twilio has, but for legs: they are with their calls."""
    found = twilio.shown(house.env["TS_SIMULATOR_URL"], "calls")["data"]
    return {call["sid"]: _line(call) for call in found}


def _line(call: Mapping[str, Any]) -> Line:
    steps = call["steps"]
    return Line(
        call["sid"],
        call["status"],
        call["status"] in OVER,
        any(step.get("bridged") for step in steps),
        any(step["verb"] == "Reject" for step in steps),
        sum(step["verb"] == "Update" for step in steps),
        [_line(leg) for leg in call.get("children", ())],
    )


def texts(house: House) -> list[tuple[str, str]]:
    """(business, customer) of every text that the simulator took."""
    return [(it["from"], it["to"]) for it in twilio.ledger(house.env["TS_SIMULATOR_URL"]) if it["sid"]]


def dialled(house: House) -> list[Dialled]:
    """Every request to place a call that made one."""
    made = twilio.ledger(house.env["TS_SIMULATOR_URL"], "ledger/calls")
    return [Dialled(it["call_id"], it["sid"], it["to"]) for it in made if it["sid"]]


def asked(house: House) -> list[Asked]:
    """What as-call-service's double was asked about calls."""
    state = _standin(house, "as-call/state")
    return [
        Asked(_sid(it["body"]), TOLD[it["path"]], it["is_taken"], it["answered_at_s"])
        for it in state["requests"]
        if it["path"] in TOLD and isinstance(it["body"], dict)
    ]


def _sid(body: Mapping[str, Any]) -> str:
    return str(body.get("callSid") or body.get("CallSid"))


def books(house: House) -> Books:
    """Ours."""
    notices = _standin(house, f"subscriber/{SUBSCRIBER}")["received"]
    with psycopg.connect(house.env["TS_DATABASE_URL"]) as conn:
        calls = conn.execute("select call_sid, parent_call_sid, status, decision, text_back from calls").fetchall()
        placed = conn.execute(
            "select id::text, to_number, state, coalesce(call_sid, ''), coalesce(error_reason, '') from placed_calls"
        ).fetchall()
        return Books(
            {row[0]: Kept(*row) for row in calls},
            frozenset(Step(*row) for row in conn.execute("select call_sid, step, name from call_steps")),
            frozenset(token for (token,) in conn.execute("select token from events")),
            [Placing(*row) for row in placed],
            dict(conn.execute("select id::text, state from call_controls").fetchall()),
            [
                Notice(it["id"], it["type"], str(it["data"].get("call_sid")), 1 + it["changes"], it["verified"])
                for it in notices
            ],
        )


def _standin(house: House, path: str) -> Any:
    answer = requests.get(f"{house.env['TS_STANDINS_URL']}/standin/{path}", timeout=30)
    answer.raise_for_status()
    return answer.json()
