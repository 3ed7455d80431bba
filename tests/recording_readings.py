"""Readings of a run of recordings, doctored: for each promise one way or more in which a service may have broken it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ops.faultlab.found import Notice
from ops.faultlab.recordings.told import (
    Audited,
    Brought,
    Case,
    Deletion,
    Heard,
    Kept,
    Lying,
    Made,
    Planted,
    Wished,
)

OTHER = "0" * 64
NOBODY = "RE" + "0" * 32
SECOND = 1_000_000_000
_KINDS = {
    "brought": Brought, "wished": Wished, "planted": Planted, "heard": Heard, "made": Made, "kept": Kept, "lying": Lying,
    "deletions": Deletion, "notices": Notice, "audited": Audited,
}  # fmt: skip


def case_of(document: Mapping[str, Any]) -> Case:
    """From the JSON that a run leaves."""
    return Case(**{
        name: [_KINDS[name](**one) for one in value] if name in _KINDS else value for name, value in document.items()
    })  # fmt: skip


def of_fate(case: Case, fate: str) -> str:
    """The SID of the first recording that it has come to."""
    wished = {(one.what, one.about) for one in case.wished if one.outcome == "ok"}
    needed = {"deleted": "delete", "held": "hold", "held-released": "hold", "contested": "lift", "released": "class"}
    here = {row.sid: row.state for row in case.kept}
    for one in case.brought:
        if one.fate == fate and (fate not in needed or (needed[fate], one.sid) in wished) and one.sid in here:
            return one.sid
    raise AssertionError(f"nothing was {fate}")


def with_row(case: Case, sid: str, **change: Any) -> Case:
    return replace(case, kept=[replace(row, **change) if row.sid == sid else row for row in case.kept])


def with_made(case: Case, sid: str, **change: Any) -> Case:
    return replace(case, made=[replace(one, **change) if one.sid == sid else one for one in case.made])


def row_of(case: Case, sid: str) -> Kept:
    return next(row for row in case.kept if row.sid == sid)


def _with_lying(case: Case, sid: str, **change: Any) -> Case:
    key = row_of(case, sid).object_key
    return replace(case, lying=[replace(one, **change) if one.key == key else one for one in case.lying])


def _whole(case: Case, status: int) -> Heard:
    return next(one for one in case.heard if one.is_whole and one.status == status)


def _with_heard(case: Case, one: Heard, **change: Any) -> Case:
    return replace(case, heard=[replace(each, **change) if each is one else each for each in case.heard])


def _time(case: Case, sid: str, state: str, at_ns: int) -> Case:
    return with_row(case, sid, times={**row_of(case, sid).times, state: at_ns})


def _without(case: Case, name: str, is_out: Callable[[Any], bool]) -> Case:
    found: Sequence[Any] = getattr(case, name)
    kept = [one for one in found if not is_out(one)]
    assert len(kept) < len(found), f"none of {name} is left out"
    return replace(case, **{name: kept})


def _heard_after_deletion(case: Case) -> Case:
    sid = of_fate(case, "deleted")
    made, asked = next(one for one in case.made if one.sid == sid), _deletion_asked(case, sid)
    late = Heard(sid, "late", 200, 9, 9, made.sha256, asked.done_ns + SECOND, asked.done_ns + 2 * SECOND)
    return replace(case, heard=[*case.heard, late], audited=[*case.audited, Audited("recording.heard", sid, "late")])


def _deletion_asked(case: Case, sid: str) -> Wished:
    return next(one for one in case.wished if (one.what, one.about) == ("delete", sid) and one.outcome == "ok")


def _released_too_early(case: Case) -> Case:
    """Twilio's copy is deleted while ours is on its way."""
    sid = of_fate(case, "released")
    return with_made(case, sid, deleted_ns=row_of(case, sid).times["stored"] - SECOND)


def _released_though_damaged(case: Case) -> Case:
    """It was damaged, Twilio's went all the same, and what we have is what is left of it."""
    sid = of_fate(case, "released")
    row = row_of(case, sid)
    case = with_made(case, sid, deleted_ns=row.times["stored"] + SECOND)
    case = replace(
        case, planted=[*case.planted, Planted(sid, row.object_key, "flip", row.times["stored"] + 1)],
        alarmed=[*case.alarmed, sid], released=[*case.released, sid],
    )  # fmt: skip
    return with_row(_with_lying(case, sid, sha256=OTHER), sid, damage="changed")


def _held_and_gone_at_twilio(case: Case) -> Case:
    sid = of_fate(case, "held")
    held = next(one for one in case.wished if (one.what, one.about) == ("hold", sid))
    stored_ns = row_of(case, sid).times["stored"]
    case = with_made(case, sid, deleted_ns=max(held.done_ns, stored_ns) + SECOND)
    return replace(case, released=[*case.released, sid])


def _held_and_promised_to_go(case: Case) -> Case:
    sid = of_fate(case, "held")
    held = next(one for one in case.wished if (one.what, one.about) == ("hold", sid))
    asked = Wished("delete", sid, "ok", held.done_ns + 1, held.done_ns + SECOND)
    return replace(case, wished=[*case.wished, asked])


def _planted_and_overlooked(case: Case) -> Case:
    sid = of_fate(case, "kept")
    planted = Planted(sid, row_of(case, sid).object_key, "flip", 1, is_quiet=True)
    return replace(case, planted=[*case.planted, planted], alarmed=[*case.alarmed, sid])


def _twice_told(case: Case, **change: Any) -> Case:
    first = next(one for one in case.notices if one.type == "recording.available")
    return replace(case, notices=[*case.notices, replace(first, id="again", **change)])


# What a service did, the rule that it broke, and how the readings then look.
MUTATIONS: Mapping[str, tuple[int, Callable[[Case], Case]]] = {
    "it never comes to an end": (0, lambda case: replace(case, owed="1 jobs recording.fetch")),
    "it never heard of a recording": (1, lambda case: _without(
        _without(case, "kept", lambda row: row.sid == of_fate(case, "kept")), "notices",
        lambda one: one.sid == of_fate(case, "kept"))),
    "it gave one up": (1, lambda case: with_row(case, of_fate(case, "kept"), state="failed")),
    "it left one half done": (1, lambda case: with_row(case, of_fate(case, "kept"), state="verified")),
    "it stored what was cut short": (1, lambda case: _with_lying(
        with_row(case, of_fate(case, "kept"), sha256=OTHER), of_fate(case, "kept"), sha256=OTHER)),
    "what it stored has changed since": (1, lambda case: _with_lying(case, of_fate(case, "kept"), sha256=OTHER)),
    "what it stored is not there": (1, lambda case: _without(
        case, "lying", lambda one: one.key == row_of(case, of_fate(case, "kept")).object_key)),
    "it takes what is whole for damaged": (1, lambda case: with_row(case, of_fate(case, "kept"), damage="changed")),
    "it deletes at Twilio before it has stored": (2, _released_too_early),
    "it deletes at Twilio though its own is damaged": (2, _released_though_damaged),
    "it deletes at Twilio and keeps no receipt": (2, lambda case: replace(case, released=())),
    "it deletes at Twilio what is held": (3, _held_and_gone_at_twilio),
    "it promises to delete what is held": (3, _held_and_promised_to_go),
    "it serves other bytes": (4, lambda case: _with_heard(case, _whole(case, 200), sha256=OTHER)),
    "it serves half as if that were all": (4, lambda case: _with_heard(
        case, _whole(case, 200), length=4, received=4, sha256=OTHER)),
    "it serves another range": (4, lambda case: _with_heard(case, _whole(case, 206), sha256=OTHER)),
    "it serves more than it said": (4, lambda case: _with_heard(case, _whole(case, 200), length=4)),
    "it serves what is to be deleted": (5, _heard_after_deletion),
    "it forgets to delete": (5, lambda case: with_row(case, of_fate(case, "deleted"), state="available")),
    "it deletes here and not at Twilio": (5, lambda case: with_made(case, of_fate(case, "deleted"), deleted_ns=0)),
    "it deletes without a receipt": (5, lambda case: replace(
        case, deletions=[replace(one, receipts=()) for one in case.deletions])),
    "it leaves what it has deleted in the store": (6, lambda case: replace(
        case, lying=[*case.lying, Lying(f"recordings/_/{of_fate(case, 'deleted')}.wav", OTHER, 1)])),
    "it leaves what is nobody's in the store": (6, lambda case: replace(
        case, lying=[*case.lying, Lying(f"recordings/_/{NOBODY}.wav", OTHER, 1)])),
    "it stores one twice": (6, lambda case: replace(
        case, lying=[*case.lying, Lying(f"recordings/_/{of_fate(case, 'kept')}.9.wav", OTHER, 1)])),
    "it leaves uploads begun": (6, lambda case: replace(case, uploads=["recordings/_/x.wav"])),
    "it goes back in time": (7, lambda case: _time(case, of_fate(case, "kept"), "fetched", 1)),
    "it stores what it has not verified": (7, lambda case: _time(case, of_fate(case, "kept"), "verified", 0)),
    "it knows not since when": (7, lambda case: _time(case, of_fate(case, "deleted"), "deleted", 0)),
    "it tells twice": (8, _twice_told),
    "it tells nobody": (8, lambda case: _without(case, "notices", lambda one: one.sid == of_fate(case, "kept"))),
    "it tells of what never was": (8, lambda case: _twice_told(case, sid=NOBODY)),
    "it tells of a deletion that was none": (8, lambda case: _twice_told(
        case, type="recording.deleted", sid=of_fate(case, "kept"))),
    "it tells it otherwise the second time": (8, lambda case: replace(
        case, notices=[replace(case.notices[0], contents=2), *case.notices[1:]])),
    "it signs wrongly": (8, lambda case: replace(
        case, notices=[replace(case.notices[0], is_verified=False), *case.notices[1:]])),
    "it notes nobody who has heard": (9, lambda case: _without(
        case, "audited", lambda one: one.purpose == _whole(case, 200).purpose)),
    "it finds no damage": (10, lambda case: replace(case, alarmed=[])),
    "it overlooks damage when it reads all back": (10, _planted_and_overlooked),
    "it sees damage everywhere": (10, lambda case: replace(case, alarmed=[*case.alarmed, of_fate(case, "kept")])),
    "it follows a redirect with our password": (11, lambda case: with_made(
        case, of_fate(case, "kept"), elsewhere_with_credentials=1)),
}  # fmt: skip
# What cannot be but together with another broken promise.
ALSO: Mapping[str, set[int]] = {
    "it never heard of a recording": {6}, "it gave one up": {8}, "it left one half done": {7},
    "it stored what was cut short": {4}, "it deletes at Twilio though its own is damaged": {1},
    "it promises to delete what is held": {5}, "it forgets to delete": {7, 8}, "it tells of what never was": {8},
}  # fmt: skip
