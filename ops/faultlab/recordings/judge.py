"""The judge of recordings: what Twilio had, against what we have of it and what anybody has heard. It knows no code of the
service.

The rules, by number: 0 everything settles; 1 what Twilio had is stored, byte for byte, or was deleted because somebody asked;
2 nothing is deleted at Twilio before the store has it whole; 3 what is held is not deleted; 4 nobody ever hears anything else
than what Twilio had; 5 what is to be deleted is heard by nobody, and goes everywhere, with receipts; 6 nothing is left over in
the store; 7 times of states are in order; 8 subscribers are told once; 9 whoever heard something stands in the audit; 10 all
damage is found, and none where there is none; 11 our password goes to Twilio's host and to no other.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from ops.faultlab.checker import Violation
from ops.faultlab.recordings.told import Case, Deletion, Kept, Lying, Made, Planted, Wished

HAD: Final = frozenset({"stored", "provider-deleted"})
# The way of a recording; each step that it has taken has its time.
STEPS: Final = ("announced", "available", "fetched", "verified", "stored", "provider-deleted", "deleted")
BEFORE_STORED: Final = ("fetched", "verified", "stored")
# The store tells times in whole seconds.
STORE_NS: Final = 1_000_000_000
SOUND: Final = frozenset({200, 206})
SID: Final = re.compile(r"RE[0-9a-f]{32}")


@dataclass(frozen=True)
class Trial:
    """The case, by recording."""

    case: Case

    @cached_property
    def kept(self) -> Mapping[str, Kept]:
        return {row.sid: row for row in self.case.kept}

    @cached_property
    def made(self) -> Mapping[str, Made]:
        return {one.sid: one for one in self.case.made}

    @cached_property
    def deletions(self) -> Mapping[str, Deletion]:
        return {one.sid: one for one in self.case.deletions}

    @cached_property
    def lying(self) -> Mapping[str, Sequence[Lying]]:
        found: dict[str, list[Lying]] = defaultdict(list)
        for one in self.case.lying:
            found[sid_in(one.key)].append(one)
        return found

    @cached_property
    def planted(self) -> Mapping[str, Sequence[Planted]]:
        found: dict[str, list[Planted]] = defaultdict(list)
        for one in self.case.planted:
            found[one.damaged].append(one)
        return found

    @cached_property
    def has_sound(self) -> Sequence[Made]:
        """What could be fetched."""
        return [one for one in self.case.made if one.sha256]

    def wished(self, what: str, sid: str) -> list[Wished]:
        return [one for one in self.case.wished if (one.what, one.about) == (what, sid) and one.outcome == "ok"]

    def is_to_go(self, sid: str) -> bool:
        """Somebody has asked for its deletion, whatever he was answered."""
        return any((one.what, one.about) == ("delete", sid) and one.outcome != "no" for one in self.case.wished)

    def is_lost_for_good(self, made: Made) -> bool:
        """Its only copy was damaged after Twilio's had gone, as it should have: nobody can mend that."""
        return made.deleted_ns > 0 and any(one.at_ns > made.deleted_ns for one in self.planted.get(made.sid, ()))


def violations(case: Case) -> list[Violation]:
    """All of them, by rule."""
    trial = Trial(case)
    return sorted({broken for rule in RULES for broken in rule(trial)})


def sid_in(key: str) -> str:
    """The recording that an object is of; "" if its key names none."""
    found = SID.search(key)
    return found.group() if found else ""


def _settled(trial: Trial) -> Iterator[Violation]:
    if trial.case.owed:
        yield Violation(0, "the house", f"still owed when the waiting ended: {trial.case.owed}")


def _stored(trial: Trial) -> Iterator[Violation]:
    for made in trial.has_sound:
        row = trial.kept.get(made.sid)
        if row is None:
            yield Violation(1, made.sid, "LOST: we have never heard of it")
        elif row.state not in HAD:
            if not trial.is_to_go(made.sid):
                yield Violation(1, made.sid, f"LOST: left as {row.state}")
        elif row.sha256 != made.sha256:
            yield Violation(1, made.sid, "CHANGED: what we say it is, is not what Twilio served")
        elif not trial.is_lost_for_good(made):
            yield from _lies_whole(trial, row, made)


def _lies_whole(trial: Trial, row: Kept, made: Made) -> Iterator[Violation]:
    found = {one.key: one.sha256 for one in trial.lying.get(made.sid, ())}
    if row.object_key not in found:
        yield Violation(1, made.sid, f"LOST: nothing lies under {row.object_key}")
    elif found[row.object_key] != made.sha256:
        yield Violation(1, made.sid, f"CHANGED: what lies under {row.object_key} is not what Twilio served")
    elif row.damage:
        yield Violation(1, made.sid, f"it is whole, and said to be {row.damage}")


def _released(trial: Trial) -> Iterator[Violation]:
    for made in trial.case.made:
        if not made.deleted_ns or _had_begun(trial, made.sid, made.deleted_ns):
            continue
        row = trial.kept.get(made.sid)
        stored_ns = row.times.get("stored", 0) if row else 0
        if not 0 < stored_ns <= made.deleted_ns:
            yield Violation(2, made.sid, "LAST COPY: deleted at Twilio before it was stored here")
        elif row and row.state in HAD and not _was_whole(trial, made):
            yield Violation(2, made.sid, "LAST COPY: deleted at Twilio when ours was damaged")
        if made.sid not in trial.case.released:
            yield Violation(2, made.sid, "deleted at Twilio without a receipt")


def _had_begun(trial: Trial, sid: str, at_ns: int) -> bool:
    """Whether a deletion that somebody has asked for was under way by then."""
    deletion = trial.deletions.get(sid)
    return bool(deletion and trial.is_to_go(sid) and 0 < deletion.begun_ns <= at_ns)


def _was_whole(trial: Trial, made: Made) -> bool:
    """Whether some copy of ours was whole when Twilio's went: it is still, or what spoilt it came later."""
    is_there = any(
        one.sha256 == made.sha256 and one.modified_ns <= made.deleted_ns + STORE_NS
        for one in trial.lying.get(made.sid, ())
    )
    return is_there or trial.is_lost_for_good(made)


def _held(trial: Trial) -> Iterator[Violation]:
    for hold in (one for one in trial.case.wished if one.what == "hold" and one.outcome == "ok"):
        sid, made, deletion = hold.about, trial.made.get(hold.about), trial.deletions.get(hold.about)
        lifted_ns = min((one.sent_ns for one in trial.wished("lift", sid)), default=0)
        gone_ns = [made.deleted_ns if made else 0, deletion.done_ns if deletion else 0]
        if _had_begun(trial, sid, hold.done_ns):
            continue
        for at_ns in gone_ns:
            if at_ns > hold.done_ns and not 0 < lifted_ns < at_ns:
                yield Violation(3, sid, "HELD, and deleted")
        for asked in trial.wished("delete", sid):
            if asked.sent_ns > hold.done_ns and not 0 < lifted_ns < asked.done_ns:
                yield Violation(3, sid, "held, and its deletion was promised")


def _heard(trial: Trial) -> Iterator[Violation]:
    for one in trial.case.heard:
        made = trial.made.get(one.heard)
        wanted = one.expected if one.status == 206 else made.sha256 if made else ""
        if one.is_whole and one.sha256 != wanted:
            yield Violation(4, one.heard, f"WRONG SOUND: a listener heard other bytes ({one.purpose})")
        elif one.received > one.length and one.status in SOUND:
            yield Violation(4, one.heard, f"a listener got more than was said ({one.purpose})")


def _deleted(trial: Trial) -> Iterator[Violation]:
    for sid, asked in {one.about: one for one in trial.case.wished if one.what == "delete"}.items():
        if asked.outcome != "ok":
            continue
        for one in trial.case.heard:
            if one.heard == sid and one.sent_ns > asked.done_ns and 0 < one.status < 500 and one.status != 410:
                yield Violation(5, sid, f"answered {one.status} after its deletion was promised ({one.purpose})")
        yield from _gone(trial, sid)


def _gone(trial: Trial, sid: str) -> Iterator[Violation]:
    row, made, deletion = trial.kept.get(sid), trial.made.get(sid), trial.deletions.get(sid)
    if row is None or row.state != "deleted" or deletion is None or not deletion.done_ns:
        yield Violation(5, sid, f"its deletion was promised, and it is {row.state if row else 'unknown'}")
        return
    if made and not made.deleted_ns:
        yield Violation(5, sid, "said to be deleted, and Twilio has it")
    wanted = {"twilio"} | ({"store"} if row.object_key else set())
    if missing := wanted - set(deletion.receipts):
        yield Violation(5, sid, f"deleted without a receipt of {', '.join(sorted(missing))}")


def _left(trial: Trial) -> Iterator[Violation]:
    for key in trial.case.uploads:
        yield Violation(6, key, "an upload that nobody ends")
    for sid, objects in trial.lying.items():
        row = trial.kept.get(sid)
        if row is None or sid not in trial.made:
            yield Violation(6, objects[0].key, "an object that is nobody's")
        elif row.state == "deleted":
            yield Violation(6, objects[0].key, "deleted, and still in the store")
        elif len(objects) > row.copy:
            yield Violation(6, sid, f"{len(objects)} objects of {row.copy} copies")


def _in_order(trial: Trial) -> Iterator[Violation]:
    for row in trial.case.kept:
        if row.state in STEPS and not row.times.get(row.state):
            yield Violation(7, row.sid, f"{row.state}, and nobody knows since when")
        if row.state in HAD and not all(row.times.get(step) for step in BEFORE_STORED):
            yield Violation(7, row.sid, "stored without having been fetched and verified")
        taken = [(step, row.times[step]) for step in STEPS if row.times.get(step)]
        for (one, earlier), (other, later) in pairwise(taken):
            if later < earlier:
                yield Violation(7, row.sid, f"{other} before it was {one}")


def _told(trial: Trial) -> Iterator[Violation]:
    counted = Counter((one.type, one.sid) for one in trial.case.notices)
    for one in trial.case.notices:
        if not one.is_verified or one.contents != 1:
            yield Violation(8, one.sid, f"{one.type}: unsigned, or with {one.contents} contents")
        if one.sid not in trial.made:
            yield Violation(8, one.sid, f"{one.type}: of a recording that Twilio never had")
    for row in trial.case.kept:
        wanted = {
            "recording.available": int(bool(row.times.get("stored"))),
            "recording.deleted": int(row.state == "deleted"),
            "recording.failed": int(row.state == "failed"),
        }
        for type_, count in wanted.items():
            if counted[type_, row.sid] != count:
                yield Violation(8, row.sid, f"{type_} was told {counted[type_, row.sid]} times instead of {count}")


def _audited(trial: Trial) -> Iterator[Violation]:
    noted = {(one.subject, one.purpose) for one in trial.case.audited if one.action == "recording.heard"}
    for one in trial.case.heard:
        if one.status in SOUND and (one.heard, one.purpose) not in noted:
            yield Violation(9, one.heard, f"heard, and not in the audit ({one.purpose})")


def _found(trial: Trial) -> Iterator[Violation]:
    alarmed = set(trial.case.alarmed)
    for one in trial.case.planted:
        if one.damaged not in alarmed and not trial.is_to_go(one.damaged):
            yield Violation(10, one.damaged, f"its damage ({one.kind}) was never found")
        if one.is_quiet and one.damaged not in trial.case.verified:
            yield Violation(10, one.damaged, f"its damage ({one.kind}) was overlooked when all was read back")
    for sid in alarmed - {one.damaged for one in trial.case.planted}:
        yield Violation(10, sid, "said to be damaged, and nobody has touched it")


def _kept_to_itself(trial: Trial) -> Iterator[Violation]:
    for one in trial.case.made:
        if one.elsewhere_with_credentials:
            yield Violation(11, one.sid, "our password was sent to another host")


RULES = (
    _settled, _stored, _released, _held, _heard, _deleted, _left, _in_order, _told, _audited, _found, _kept_to_itself,
)  # fmt: skip
