"""The judge: what was promised to the sending side, against what is there in the end. It knows no code of the service.

The rules, by number: 0 everything settles; 1 what was acknowledged is there once, unchanged; 2 nothing is there that
nobody sent; 3 what was refused or uncertain is there once at most, what was forged never; 4 every consumer was told once;
7 the furthest state stands; 8 only poison is set aside.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ops.faultlab.found import Found
from ops.faultlab.history import Try, shas_by_key

# How far along a state is, from Twilio's pages on message and call status values. Ends of calls are equals.
MESSAGE_RANK = {"accepted": 0, "queued": 1, "sending": 2, "sent": 3, "undelivered": 5, "failed": 5, "delivered": 6}
CALL_RANK = {"queued": 0, "initiated": 1, "ringing": 2, "in-progress": 3, "completed": 4, "busy": 4, "failed": 4,
             "no-answer": 4, "canceled": 4}  # fmt: skip
CALL_ENDS = {status for status, rank in CALL_RANK.items() if rank == 4}
MISSED_DIALS = {"no-answer", "busy", "failed", "canceled"}

# Somebody is on the line: these are answered with TwiML even when nothing can be stored.
FOR_CALLERS = {"call-in", "dial"}


@dataclass(frozen=True, order=True)
class Violation:
    """One broken promise."""

    rule: int
    about: str
    what: str


@dataclass(frozen=True)
class Case:
    """Everything the judge sees. `both_away_ns`: when neither store behind an acknowledgement could be written."""

    tries: Sequence[Try]
    found: Found
    ledger: str = ""
    texts: str = ""
    both_away_ns: Sequence[tuple[int, int]] = ()

    def promised(self) -> list[Try]:
        """Tries with a complete 2xx that promise something."""
        return [t for t in self.tries if t.outcome == "ok" and not t.is_forged and not self.is_excused(t)]

    def is_excused(self, entry: Try) -> bool:
        return entry.kind in FOR_CALLERS and any(
            begin <= entry.sent_ns <= end or begin <= entry.done_ns <= end for begin, end in self.both_away_ns
        )


def violations(case: Case) -> list[Violation]:
    """All of them, by rule."""
    return sorted({broken for rule in RULES for broken in rule(case)})


def _settled(case: Case) -> Iterator[Violation]:
    if case.found.owed:
        yield Violation(0, "the house", f"still owed when the waiting ended: {case.found.owed}")


def _acknowledged(case: Case) -> Iterator[Violation]:
    count, shas = Counter(row.key for row in case.found.rows), shas_by_key(case.tries)
    kept_aside = " ".join(record.text for record in case.found.set_aside)
    for key, entry in {t.key: t for t in case.promised()}.items():
        if count[key] == 0 and not (entry.poison and key in kept_aside):
            yield Violation(1, key, f"LOST: acknowledged with {entry.http_status}, and nowhere")
        elif count[key] > 1:
            yield Violation(1, key, f"{count[key]} rows")
    for row in case.found.rows:
        if row.key in shas and row.body_sha256 not in shas[row.key]:
            yield Violation(1, row.key, "its body is none of those that were sent")


def _sent(case: Case) -> Iterator[Violation]:
    sent = shas_by_key(case.tries)
    for row in case.found.rows:
        if row.key not in sent:
            yield Violation(2, row.key, "PHANTOM: nobody sent it")


def _uncertain(case: Case) -> Iterator[Violation]:
    count, known = Counter(row.key for row in case.found.rows), shas_by_key(case.tries)
    accepted = {t.key for t in case.tries if t.outcome == "ok"}
    doubtful = {t.key for t in case.tries if t.outcome == "info"} - accepted
    refused = {t.key for t in case.tries if t.outcome == "fail"} - accepted - doubtful
    for key in doubtful | refused:
        if count[key] > 1:
            yield Violation(3, key, f"{count[key]} rows of what was not acknowledged")
    for key in {t.key for t in case.tries if t.is_forged} - set(known):
        if count[key]:
            yield Violation(3, key, "FORGED, and stored")
    for entry in case.tries:
        if entry.is_forged and entry.outcome == "ok":
            yield Violation(3, entry.key, f"forged, and answered with {entry.http_status}")


def _told(case: Case) -> Iterator[Violation]:
    if case.found.notices is None:
        return
    ids: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    subjects = {sid for t in case.tries if not t.is_forged for sid in t.facts.values()}
    for notice in case.found.notices:
        about = f"{notice.type} {notice.sid} at {notice.consumer}"
        ids[notice.consumer, notice.type, notice.sid].add(notice.id)
        if notice.contents > 1:
            yield Violation(4, about, "one webhook-id, different contents")
        if not notice.is_verified:
            yield Violation(4, about, "its signature does not hold")
        if notice.sid not in subjects:
            yield Violation(4, about, "PHANTOM: about what nobody sent")
    for (consumer, type_, sid), found in ids.items():
        if len(found) > 1:
            yield Violation(4, f"{type_} {sid} at {consumer}", f"told under {len(found)} webhook-ids")
    for consumer, type_, sid in _owed_notices(case):
        if (consumer, type_, sid) not in ids:
            yield Violation(4, f"{type_} {sid} at {consumer}", "NEVER TOLD")


def _owed_notices(case: Case) -> Iterator[tuple[str, str, str]]:
    """What follows from the acknowledged webhooks for certain, in whatever order they came."""
    for entry in case.promised():
        facts = entry.facts
        if entry.poison:
            continue
        if entry.kind == "msg-in":
            yield case.ledger, "sms.received", facts["MessageSid"]
        elif entry.kind == "call-in":
            yield case.ledger, "call.incoming", facts["CallSid"]
        elif entry.kind == "call-status" and facts["CallStatus"] in CALL_ENDS:
            yield case.ledger, "call.completed", facts["CallSid"]
        elif entry.kind == "dial" and facts["DialCallStatus"] in MISSED_DIALS:
            yield case.ledger, "call.missed", facts["CallSid"]
        elif entry.kind == "msg-status" and facts["MessageStatus"] in ("delivered", "undelivered"):
            for consumer in (case.ledger, case.texts):
                yield consumer, f"sms.{facts['MessageStatus']}", facts["MessageSid"]


def _told_as_call(case: Case) -> Iterator[Violation]:
    """as-call-service has no webhook-id: it was told at least once, of the call before of its being missed."""
    if case.found.notices is None:
        return
    for _, type_, sid in _owed_notices(case):
        told = case.found.told_as_call.get(sid)
        if type_ == "call.incoming" and (told is None or told.incoming < 1):
            yield Violation(4, f"call.incoming {sid} at as-call", "NEVER TOLD")
        if type_ == "call.missed" and (told is None or told.missed < 1):
            yield Violation(4, f"call.missed {sid} at as-call", "NEVER TOLD")


def _furthest(case: Case) -> Iterator[Violation]:
    if case.found.notices is None:
        return
    yield from _stands(case, "MessageSid", "MessageStatus", MESSAGE_RANK, case.found.message_status)
    yield from _stands(case, "CallSid", "CallStatus", CALL_RANK, case.found.call_status)


def _stands(case: Case, sid_field: str, status_field: str, rank: dict[str, int], stored: object) -> Iterator[Violation]:
    """The stored state is one that was sent, and not below the furthest that was acknowledged."""
    states: dict[str, str] = dict(stored) if isinstance(stored, dict) else {}
    promised: dict[str, int] = {}
    possible: dict[str, set[str]] = defaultdict(set)
    for entry in case.promised():
        if status_field in entry.facts and not entry.poison:
            sid, status = entry.facts[sid_field], entry.facts[status_field]
            promised[sid] = max(promised.get(sid, -1), rank[status])
    for entry in case.tries:
        if status_field in entry.facts and not entry.is_forged:
            possible[entry.facts[sid_field]].add(entry.facts[status_field])
    for sid, furthest in promised.items():
        state = states.get(sid)
        if state is None:
            yield Violation(7, sid, "its state is not kept")
        elif rank.get(state, -1) < furthest:
            yield Violation(7, sid, f"stands at {state}, and further was acknowledged")
        elif state not in possible[sid]:
            yield Violation(7, sid, f"stands at {state}, which nobody sent")


def _set_aside(case: Case) -> Iterator[Violation]:
    poisoned = {t.key for t in case.tries if t.poison}
    for record in case.found.set_aside:
        if not any(key in record.text for key in poisoned):
            yield Violation(8, record.event_id, f"set aside without being poison: {record.reason}")


RULES: Sequence[Callable[[Case], Iterator[Violation]]] = (
    _settled, _acknowledged, _sent, _uncertain, _told, _told_as_call, _furthest, _set_aside,
)  # fmt: skip


def decided_early(case: Case) -> int:
    """Calls that were answered, and called missed: somebody decided before the dial's result was there.

    Not a broken promise: Twilio promises no order, and a decision cannot wait for ever. But it should be rare.
    """
    answered = {t.facts["CallSid"] for t in case.tries if t.facts.get("DialCallStatus") == "completed"}
    missed = {n.sid for n in case.found.notices or () if n.type == "call.missed"}
    return len(answered & missed)
