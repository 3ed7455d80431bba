"""Calls as the simulator has seen them, and whether our books say the same of each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg

# What is answered with TwiML: a caller or an owner waits for it.
TWIML: Final = frozenset({"voice", "voice-fallback", "dial-action", "gather-action", "record-action", "whisper"})
_PARENTS: Final = "select call_sid, status, coalesce(duration_s, 0), decision from calls where call_sid = any(%s)"


@dataclass(frozen=True)
class Ours:
    """What our database says, by Twilio's names of things."""

    calls: Mapping[str, tuple[str, int, str | None]]
    """(status, seconds, decision)."""
    tokens: frozenset[str]
    """Of every webhook that has become an event."""
    recordings: Mapping[str, str]
    """States."""


@dataclass(frozen=True)
class Verdict:
    """One call. `missing` says what our books lack or say otherwise; empty: its whole life is there."""

    sid: str
    missing: Sequence[str]
    decision: str | None
    expected: str

    @property
    def is_right(self) -> bool:
        """Whether it was decided as the simulator says that it went."""
        return self.decision == self.expected


def read(database_url: str, sids: Sequence[str]) -> Ours:
    """Our books of these calls, their legs and recordings."""
    with psycopg.connect(database_url) as conn:
        return Ours(
            {
                sid: (status, duration, decision)
                for sid, status, duration, decision in conn.execute(_PARENTS, ([*sids],))
            },
            frozenset(token for (token,) in conn.execute("select token from events")),
            dict(conn.execute("select recording_sid, state from recordings").fetchall()),
        )


def judged(call: Mapping[str, Any], webhooks: Mapping[str, Sequence[Mapping[str, Any]]], ours: Ours) -> Verdict:
    """`call` as /sim/calls shows it; `webhooks` are the simulator's by the SID that each speaks of."""
    known = ours.calls.get(call["sid"])
    return Verdict(
        call["sid"], [*_missing(call, webhooks, ours)], known[2] if known is not None else None, expected(call)
    )


def expected(call: Mapping[str, Any]) -> str:
    """What a call was by what its people did: somebody spoke with the caller, our rules turned them away, or nobody did."""
    verbs = [step["verb"] for step in call["steps"]]
    if any(step.get("bridged") for step in call["steps"]):
        return "answered"
    return "screened" if "Reject" in verbs else "missed"


def _missing(call: Mapping[str, Any], webhooks: Mapping[str, Sequence[Mapping[str, Any]]], ours: Ours) -> Iterator[str]:
    sid = call["sid"]
    known, theirs = ours.calls.get(sid), (call["status"], int(call["duration"] or 0))
    if known is None:
        yield "the call"
    elif known[:2] != theirs:
        yield f"is {known[:2]}, at Twilio {theirs}"
    for leg in call["children"]:
        mine = ours.calls.get(leg["sid"])
        if (mine is None and webhooks.get(leg["sid"])) or (mine is not None and mine[0] != leg["status"]):
            yield f"leg is {mine and mine[0]}, at Twilio {leg['status']}"
    for recording in call["recordings"]:
        if (state := ours.recordings.get(recording["sid"])) != "stored":
            yield f"recording is {state}"
    about = [sid, *(part["sid"] for part in [*call["children"], *call["recordings"]])]
    for webhook in (one for name in about for one in webhooks.get(name, [])):
        if webhook["outcome"] != "ok":
            yield f"{webhook['kind']} was answered {webhook['http_status']} {webhook['error']}"
        elif webhook["token"] not in ours.tokens:
            yield f"{webhook['kind']} is no event"
