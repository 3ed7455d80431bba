"""The schedule: a function of the seed, made of what was asked for, and over before the run is."""

from dataclasses import replace
from itertools import pairwise

from ops.faultlab.faults import ALL
from ops.faultlab.latency import Mark
from ops.faultlab.nemesis import AFTER_NS, both_away_ns
from ops.faultlab.plan import LAST_CALM_S, SHORT, SHORT_S, schedule


def test_a_seed_always_gives_the_same_faults_and_another_seed_others():
    assert schedule(7, 300) == schedule(7, 300)
    assert schedule(7, 300) != schedule(8, 300)


def test_everything_has_healed_before_the_traffic_ends():
    for seed in range(50):
        planned = schedule(seed, 120)
        assert planned
        # The first of two at once decides; its companion may hold a little longer.
        assert all(p.at_s < 120 - LAST_CALM_S for p in planned)
    assert max(p.ends_s for p in SHORT) < SHORT_S


def test_only_what_was_asked_for_comes_one_at_a_time():
    planned = schedule(1, 120, ["redis-flushall", "worker-kill"])
    assert {p.name for p in planned} == {"redis-flushall", "worker-kill"}
    assert all(earlier.ends_s < later.at_s for earlier, later in pairwise(planned))


def test_a_long_freeze_comes_when_it_is_asked_for_or_when_there_is_time():
    assert [p.name for p in schedule(1, 60, ["redis-freeze-long"])] == ["redis-freeze-long"]
    assert all(p.name != "redis-freeze-long" for seed in range(20) for p in schedule(seed, 120))


def test_a_long_run_meets_every_fault_and_two_at_once():
    planned = schedule(3, 1200)
    assert {p.name for p in planned} == set(ALL)
    assert any(a.at_s <= b.at_s < a.ends_s for a in planned for b in planned if a is not b)


def test_two_at_once_never_break_the_same_thing():
    for seed in range(100):
        planned = schedule(seed, 600)
        for first, second in pairwise(planned):
            if second.at_s < first.ends_s:
                assert not ALL[first.name].targets & ALL[second.name].targets


def test_no_schedule_takes_both_copies_of_an_event_at_once():
    for seed in range(200):
        planned = schedule(seed, 600)
        for first, second in pairwise(planned):
            if second.at_s < first.ends_s:
                pair = (ALL[first.name], ALL[second.name])
                assert not (any(f.forgets for f in pair) and any("journal" in f.hides for f in pair))


def test_the_short_schedule_knows_only_faults_that_exist_in_order():
    assert {p.name for p in SHORT} <= set(ALL)
    assert [p.at_s for p in SHORT] == sorted(p.at_s for p in SHORT)


def test_both_stores_are_away_only_while_both_are():
    redis, journal = (
        Mark("redis-kill", 10 * AFTER_NS, 20 * AFTER_NS),
        Mark("journal-full", 15 * AFTER_NS, 30 * AFTER_NS),
    )
    assert both_away_ns([redis, journal]) == [(15 * AFTER_NS, 21 * AFTER_NS)]
    assert both_away_ns([redis, replace(journal, begin_ns=22 * AFTER_NS)]) == []
    assert both_away_ns([redis, Mark("postgres-crash", 10 * AFTER_NS, 20 * AFTER_NS)]) == []
