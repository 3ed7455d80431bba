"""The judge of recordings, on readings written by hand: each rule is seen to hold, and to be broken by one change."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ops.faultlab.found import Notice
from ops.faultlab.recordings import judge, read
from ops.faultlab.recordings import told as told_module
from ops.faultlab.recordings.judge import violations
from ops.faultlab.recordings.told import Audited, Brought, Case, Deletion, Heard, Kept, Lying, Made, Planted, Wished
from tests.recording_readings import ALSO, MUTATIONS, SECOND, with_made, with_row

# In turn, one second each; a deletion and a release come at the end.
STEPS = ("announced", "available", "fetched", "verified", "stored")
END = 10 * SECOND
SIDS = {fate: f"RE{number:032x}" for number, fate in enumerate(("kept", "deleted", "released", "held", "doomed"), 1)}
KEPT, DELETED, RELEASED, HELD, DOOMED = SIDS.values()


def sound(sid: str) -> str:
    return sid[2:] * 2


def key(sid: str) -> str:
    return f"recordings/_/2026/11/28/{sid}.wav"


def row(sid: str, state: str = "stored", damage: str = "") -> Kept:
    times = {step: place * SECOND for place, step in enumerate(STEPS, 1)} | ({state: END} if state not in STEPS else {})
    return Kept(sid, state, sound(sid), key(sid), 1, damage, times)


def told(type_: str, sid: str) -> Notice:
    return Notice("lab", f"{type_} {sid}", type_, sid)


READINGS = Case(
    brought=[Brought(sid, place, fate) for place, (fate, sid) in enumerate(SIDS.items())],
    wished=[
        Wished("delete", DELETED, "ok", 6 * SECOND, 7 * SECOND), Wished("class", RELEASED, "ok", 1, 2),
        Wished("hold", HELD, "ok", SECOND, 2 * SECOND), Wished("delete", HELD, "no", 3 * SECOND, 4 * SECOND),
    ],
    planted=[Planted(DOOMED, key(DOOMED), "missing", END + SECOND)],
    heard=[
        Heard(KEPT, "a", 200, 9, 9, sound(KEPT), SECOND, 2 * SECOND),
        Heard(KEPT, "b", 206, 3, 3, "range", SECOND, 2 * SECOND, 2, 4, "range"),
        Heard(KEPT, "c", 200, 9, 4, "part", SECOND, 2 * SECOND),
        Heard(DELETED, "d", 410, 5, 5, "words", END, END),
        Heard(DELETED, "e", 0, 0, 0, "", END, END),
    ],
    made=[
        Made(sid, "completed", sound(sid), END if fate in ("deleted", "released", "doomed") else 0)
        for fate, sid in SIDS.items()
    ],
    kept=[
        row(KEPT), row(DELETED, "deleted"), row(RELEASED, "provider-deleted"), row(HELD),
        row(DOOMED, "provider-deleted", "missing"),
    ],
    lying=[Lying(key(sid), sound(sid), 5 * SECOND) for sid in (KEPT, RELEASED, HELD)],
    deletions=[Deletion(DELETED, 6 * SECOND, 8 * SECOND, END, ("twilio", "store"))],
    notices=[*(told("recording.available", sid) for sid in SIDS.values()), told("recording.deleted", DELETED)],
    audited=[Audited("recording.heard", KEPT, purpose) for purpose in "abc"],
    alarmed=[DOOMED],
    released=[DELETED, RELEASED, DOOMED],
)  # fmt: skip


def broken(case: Case) -> set[int]:
    return {found.rule for found in violations(case)}


def test_a_house_that_kept_its_promises_is_found_to_have():
    assert violations(READINGS) == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_each_promise_is_seen_to_be_broken(name: str):
    rule, change = MUTATIONS[name]
    assert rule in broken(change(READINGS))
    assert broken(change(READINGS)) <= {rule} | ALSO.get(name, set())


def test_what_twilio_had_no_sound_of_need_not_be_stored():
    absent = Made("RE" + "f" * 32, "absent", "")
    assert broken(replace(READINGS, made=[*READINGS.made, absent])) == set()


def test_a_wish_to_delete_that_nobody_answered_may_have_counted_or_not():
    perhaps = Wished("delete", KEPT, "perhaps", SECOND, 2 * SECOND)
    asked = replace(READINGS, wished=[*READINGS.wished, perhaps])
    assert broken(asked) == set()
    assert broken(with_row(asked, KEPT, state="available")) == set()


def test_a_deletion_that_had_begun_when_the_hold_came_may_end():
    hold = Wished("hold", DELETED, "ok", 8 * SECOND + 1, 9 * SECOND)
    assert broken(replace(READINGS, wished=[*READINGS.wished, hold])) == set()
    waited = [replace(READINGS.deletions[0], begun_ns=9 * SECOND + 1)]
    assert broken(replace(READINGS, wished=[*READINGS.wished, hold], deletions=waited)) == {3}


def test_what_was_held_may_go_once_the_hold_is_lifted():
    hold = Wished("hold", DELETED, "ok", 7 * SECOND + 1, 7 * SECOND + 2)
    lift = Wished("lift", DELETED, "ok", 7 * SECOND + 3, 7 * SECOND + 4)
    assert broken(replace(READINGS, wished=[*READINGS.wished, hold, lift])) == set()


def test_a_further_copy_lies_beside_the_damaged_one():
    copy = replace(row(KEPT), copy=2, object_key=key(KEPT).replace(".wav", ".2.wav"))
    case = with_row(READINGS, KEPT, copy=2, object_key=copy.object_key)
    lying = [replace(one, sha256="damaged") if KEPT in one.key else one for one in case.lying]
    case = replace(
        case, lying=[*lying, Lying(copy.object_key, sound(KEPT), 6 * SECOND)],
        planted=[*case.planted, Planted(KEPT, key(KEPT), "flip", 5 * SECOND)], alarmed=[KEPT, DOOMED],
    )  # fmt: skip
    assert broken(case) == set()
    # Twilio's may go now, but not before that copy was there.
    case = replace(case, released=[*case.released, KEPT])
    assert broken(with_made(case, KEPT, deleted_ns=8 * SECOND)) == set()
    late = [replace(one, modified_ns=9 * SECOND + 1) if ".2.wav" in one.key else one for one in case.lying]
    assert broken(with_made(replace(case, lying=late), KEPT, deleted_ns=8 * SECOND)) == {2}


def test_what_twilio_never_had_must_not_be_said_to_be_damaged_for_nothing():
    assert broken(replace(READINGS, alarmed=[DOOMED, KEPT])) == {10}


def test_judge_and_readers_share_no_code_with_the_service():
    for module in (judge, told_module, read):
        source = Path(module.__file__ or "").read_text(encoding="utf-8")
        assert not re.search(r"^(from|import) (shared|workers|ingress)\b", source, re.MULTILINE)
