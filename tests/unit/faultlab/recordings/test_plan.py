"""The recordings of a run, its schedule, and how it damages: functions of the seed, with everything that a run is to show."""

from random import Random

import pytest

from ops.faultlab.recordings.damage import KINDS, spoilt
from ops.faultlab.recordings.faults import ALL
from ops.faultlab.recordings.lives import FATES, lives
from ops.faultlab.recordings.plan import SHORT, SHORT_RECORDINGS, SHORT_S, schedule, wanted


def test_a_seed_always_gives_the_same_recordings_and_another_seed_others():
    assert lives(7, 100, 60) == lives(7, 100, 60) != lives(8, 100, 60)


def test_a_short_run_has_every_fate_and_leaves_time_for_it():
    begun = lives(1, SHORT_RECORDINGS, SHORT_S)
    assert {life.fate for life in begun} == {*FATES, "long"}
    assert max(life.at_s for life in begun) < SHORT_S * 0.7
    assert {life.channels for life in begun} == {1, 2}


def test_long_ones_go_to_the_store_in_parts():
    sizes = [life.duration_s * 16_000 * life.channels for life in lives(1, 100, 60) if life.fate == "long"]
    assert len(sizes) > 3
    assert min(sizes) > 16 * 1024 * 1024


def test_a_schedule_kills_whoever_fetches_all_the_time_and_is_over_before_the_load_is():
    for seed in range(30):
        planned = schedule(seed, 200)
        assert schedule(seed, 200) == planned
        assert sum(p.name == "recordings-kill" for p in planned) > 30
        assert len({p.name for p in planned}) > 4
        assert all(p.at_s < 200 for p in planned)
        assert {p.name for p in planned} <= set(ALL)
    assert max(p.ends_s for p in SHORT) < SHORT_S


def test_a_calm_run_breaks_nothing():
    assert wanted(1, 300, is_short=False, is_calm=True).schedule == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "missing"])
def test_what_is_spoilt_is_not_what_it_was(kind):
    content = bytes(range(200))
    for seed in range(50):
        bad = spoilt(content, kind, Random(seed))
        assert bad != content
        assert len(bad) == (100 if kind == "truncate" else 200)
        changed = sum((one ^ other).bit_count() for one, other in zip(content, bad, strict=False))
        assert changed == (0 if kind == "truncate" else 1)
