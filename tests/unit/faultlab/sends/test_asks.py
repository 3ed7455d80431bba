"""The load and the schedule of sending: functions of the seed, with everything in them that a run is to show."""

from collections import Counter

from ops.faultlab.faults import ALL
from ops.faultlab.sends.asks import load, senders_for
from ops.faultlab.sends.plan import RATE, SHORT, SHORT_S, schedule


def test_a_seed_always_gives_the_same_texts_and_another_seed_others():
    assert load(7, 300, 30) == load(7, 300, 30)
    assert load(7, 300, 30).asks != load(8, 300, 30).asks


def test_every_text_has_a_key_of_its_own_and_comes_within_the_load():
    wanted = load(1, 1_000, 30)
    every = wanted.asks + [ask for bulk in wanted.bulks for ask in bulk.asks]
    assert len({ask.key for ask in every}) == len(every) == 1_000
    assert all(0 <= ask.at_s < 30 for ask in wanted.asks)


def test_it_has_twins_both_doors_and_people_who_say_stop_in_the_midst_of_their_texts():
    wanted = load(1, 1_000, 30)
    words = Counter((ask.sender, ask.to, ask.body) for ask in wanted.asks)
    assert 5 < sum(count > 1 for count in words.values()) < 60
    assert {ask.door for ask in wanted.asks} == {"http", "queue"}
    for stop in wanted.stops:
        times = [ask.at_s for ask in wanted.asks if ask.to == stop.person]
        assert all(ask.sender == stop.sender for ask in wanted.asks if ask.to == stop.person)
        assert not times or (min(times) < 30 and 6 <= stop.at_s <= 21)


def test_there_are_senders_enough_for_any_rate():
    for rate in (1, 10, RATE, 200):
        assert sum(sender.rate for sender in senders_for(rate)) > 1.5 * rate


def test_a_schedule_kills_senders_all_the_time_and_is_over_before_the_load_is():
    for seed in range(30):
        planned = schedule(seed, 220)
        assert schedule(seed, 220) == planned
        assert sum(p.name == "sms-kill" for p in planned) > 30
        assert len({p.name for p in planned}) > 4
        assert all(p.at_s < 220 for p in planned)
        assert {p.name for p in planned} <= set(ALL)
    assert max(p.ends_s for p in SHORT) < SHORT_S


def test_some_are_asked_for_together_by_one_sender():
    bulks = load(3, 1_000, 30).bulks
    assert len(bulks) > 5
    assert all({ask.sender for ask in bulk.asks} == {bulk.asks[0].sender} for bulk in bulks)
    assert all(len({ask.to for ask in bulk.asks}) == len(bulk.asks) for bulk in bulks)
    assert {ask.door for bulk in bulks for ask in bulk.asks} == {"bulk"}
    assert not load(3, 1_000, 30, is_naive=True).bulks
