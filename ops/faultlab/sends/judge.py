"""The judge of sending: what was promised, against what Twilio got. It knows no code of the service.

The rules, by number: 0 everything settles; 1 what was accepted is in the ledger or has ended with a reason; 2 nothing is in
it twice; 3 nothing is in it that nobody asked for, or in other words; 4 what we say of a text is what Twilio says; 5 nobody
is texted who has said STOP; 6 no sender is faster than it may be.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

from ops.faultlab.checker import MESSAGE_RANK, Violation
from ops.faultlab.sends import pace
from ops.faultlab.sends.told import Case, Taken, Text

# Where a text may stay for good without being sent; each must say why.
UNSENT_ENDS: Final = frozenset({"refused", "canceled", "parked"})
# What Twilio has lost may be sent again.
LOST: Final = frozenset({"failed", "undelivered"})
# A STOP is acknowledged when the ingress has it on disk. A killed worker keeps what it had claimed of the inbox for half a
# minute, and what Redis has forgotten comes out of the journal as late; the next store may be away by then.
KNOWN_WITHIN_S: Final = 45.0
# From then on every text is refused that is asked for. One that was decided a moment before may still leave for 5 s, and its
# connection may take some more.
GRACE_S: Final = 8.0


def violations(case: Case) -> list[Violation]:
    """All of them, by rule."""
    return sorted({broken for rule in RULES for broken in rule(case)})


def ends(case: Case) -> Counter[str]:
    """How many texts ended how: `handed`, or the state and its reason."""
    return Counter(text.state if text.state == "handed" else f"{text.state}: {text.reason}" for text in case.texts)


def _settled(case: Case) -> Iterator[Violation]:
    if case.owed:
        yield Violation(0, "the house", f"still owed when the waiting ended: {case.owed}")


def _accepted(case: Case) -> Iterator[Violation]:
    by_key, taken = _by_key(case.texts), {entry.message_id for entry in case.ledger}
    for asked in case.asked:
        found = by_key[asked.key]
        if len(found) > 1:
            yield Violation(1, asked.key, f"{len(found)} texts under one key")
        if asked.outcome != "ok" or (case.is_excused(asked) and not found):
            continue
        if not found:
            yield Violation(1, asked.key, "LOST: accepted, and nowhere")
        for text in found:
            if asked.message_id not in ("", text.id):
                yield Violation(1, asked.key, f"answered with {asked.message_id}, stored as {text.id}")
            if text.id not in taken and (fault := _not_ended(text)):
                yield Violation(1, text.id, fault)


def _not_ended(text: Text) -> str:
    if text.state == "handed":
        return "LOST: said to be with Twilio, which has never seen it"
    if text.state not in UNSENT_ENDS:
        return f"LOST: left as {text.state}"
    return "" if text.reason else f"{text.state} without a reason"


def _once(case: Case) -> Iterator[Violation]:
    for message_id, count in Counter(entry.message_id for entry in case.ledger).items():
        if count > 1 and message_id:
            yield Violation(2, message_id, f"TWICE: Twilio took it {count} times")
    status = {entry.message_id: entry.status for entry in case.ledger}
    for text in case.texts:
        if text.retry_of and text.id in status and status.get(text.retry_of) not in LOST:
            yield Violation(2, text.id, "TWICE: sent again, and the first was not lost")


def _wanted(case: Case) -> Iterator[Violation]:
    texts, asked = {text.id: text for text in case.texts}, {asked.key: asked for asked in case.asked}
    for entry in case.ledger:
        text = texts.get(entry.message_id)
        wanted = asked.get(text.key) if text else None
        if wanted is None:
            yield Violation(3, entry.message_id or entry.sid, "PHANTOM: nobody asked for it")
        elif wanted.outcome == "no":
            yield Violation(3, entry.message_id, "refused, and sent")
        elif (wanted.sender, wanted.to, sha256_of(wanted.body)) != (entry.sender, entry.to, entry.body_sha256):
            yield Violation(3, entry.message_id, "Twilio got another text than was asked for")


def sha256_of(body: str) -> str:
    """As the simulator writes it down."""
    return sha256(body.encode()).hexdigest()


def _said(case: Case) -> Iterator[Violation]:
    # Of several under one name (rule 2) the one that has come furthest.
    entries = {
        entry.message_id: entry for entry in sorted(case.ledger, key=lambda entry: MESSAGE_RANK.get(entry.status, 99))
    }
    sids = {(entry.message_id, entry.sid) for entry in case.ledger}
    for text in case.texts:
        entry = entries.get(text.id)
        if entry and text.state in UNSENT_ENDS - {"parked"}:
            yield Violation(4, text.id, f"said to be {text.state}, and Twilio has it")
        elif entry and text.state == "handed" and (text.id, text.sid) not in sids:
            yield Violation(4, text.id, f"kept as {text.sid}, at Twilio it is {entry.sid}")
        elif entry and _is_ahead(text, entry):
            yield Violation(4, text.id, f"said to be {text.status}, at Twilio it is {entry.status}")


def _is_ahead(text: Text, entry: Taken) -> bool:
    """Callbacks may be missing, so we may be behind Twilio; we cannot know more than it does."""
    return bool(entry.status) and MESSAGE_RANK.get(text.status, -1) > MESSAGE_RANK.get(entry.status, 99)


def _stopped(case: Case) -> Iterator[Violation]:
    for stop in case.stops:
        if not 0 < stop.known_ns <= stop.acked_ns + KNOWN_WITHIN_S * 1e9:
            yield Violation(5, stop.person, f"a STOP that was not known {KNOWN_WITHIN_S:g} s after it was acknowledged")
    stops = {(stop.person, stop.sender): stop.known_ns for stop in case.stops if stop.known_ns}
    for entry in case.ledger:
        late_s = (entry.at_ns - stops.get((entry.to, entry.sender), entry.at_ns)) / 1e9
        if late_s > GRACE_S:
            yield Violation(5, entry.message_id, f"sent {late_s:.1f} s after its STOP was known")


def _paced(case: Case) -> Iterator[Violation]:
    entries: dict[str, list[Taken]] = defaultdict(list)
    for entry in case.ledger:
        entries[entry.sender].append(entry)
    for sender, rate in case.rates.items():
        sent = [(entry.at_ns, entry.segments) for entry in entries[sender]]
        for window_s in pace.WINDOWS_S:
            most, allowed = pace.most_in(sent, window_s), pace.allowed(rate, window_s, sent)
            if most > allowed:
                yield Violation(6, sender, f"BURST: {most} segments within {window_s:g} s, {allowed} are allowed")


def _by_key(texts: Sequence[Text]) -> defaultdict[str, list[Text]]:
    found: defaultdict[str, list[Text]] = defaultdict(list)
    for text in texts:
        if not text.retry_of:
            found[text.key].append(text)
    return found


RULES = (_settled, _accepted, _once, _wanted, _said, _stopped, _paced)
