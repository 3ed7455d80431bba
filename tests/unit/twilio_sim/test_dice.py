"""Chance that can be repeated: by what is asked about and how often, never by when."""

from collections import Counter
from dataclasses import replace

import pytest

from ops.twilio_sim.dice import Dice
from ops.twilio_sim.odds import FAULTS, Odds, Rates, kind_of
from ops.twilio_sim.sids import Sids


def rolls(seed, names):
    dice = Dice(seed)
    return {name: dice.roll("x", name) for name in names}


def test_the_order_of_asking_changes_nothing_and_the_seed_changes_everything():
    assert rolls(7, "abc") == rolls(7, "cba")
    assert set(rolls(7, "abc").values()).isdisjoint(rolls(8, "abc").values())


def test_asking_again_is_a_new_roll_that_repeats_with_the_seed():
    dice = Dice(7)
    first = [dice.roll("same") for _ in range(3)]
    assert len(set(first)) == 3
    dice.reseed(7)
    assert [dice.roll("same") for _ in range(3)] == first


def test_a_rate_is_kept_over_many_names():
    dice = Dice(7)
    assert 400 < sum(dice.chance(0.05, "x", n) for n in range(10_000)) < 600
    assert not any(dice.chance(0.0, n) for n in range(100))
    assert all(dice.chance(1.0, n) for n in range(100))


def test_names_of_messages_hang_on_what_they_name():
    one, other = Sids(7), Sids(7)
    assert [one.of("SM", n) for n in "ab"] == [other.of("SM", n) for n in "ba"][::-1]
    assert one.of("SM", "a") != other.of("SM", "c")
    twice = {one.of("SM", "z") for _ in range(100)}
    assert len(twice) == 100
    assert all(len(sid) == 34 for sid in twice)


def test_each_fault_befalls_its_share_and_no_request_has_two():
    odds = Odds(Dice(7))
    odds.replace({"create": dict.fromkeys(FAULTS, 0.1)})
    drawn = Counter(odds.draw("create", n) for n in range(10_000))
    clean = drawn.pop(None)
    assert len(drawn) == len(FAULTS)
    assert all(800 < count < 1200 for count in drawn.values())
    assert 1700 < clean < 2300
    assert odds.draw("list") is None


@pytest.mark.parametrize(
    ("name", "when"),
    [("lost_before", "before"), ("lost_after", "after"), ("late_work", "before"), ("late_answer", "after"),
     ("throttled", "before"), ("error_before", "before"), ("error_after", "after"), ("broken_json", "after")],
)  # fmt: skip
def test_the_name_of_a_fault_says_whether_the_work_is_done(name, when):
    fault = replace(Rates(), **{name: 1.0}).drawn(0.5, html=False)
    assert fault is not None
    assert fault.when == when


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/2010-04-01/Accounts/AC1/Messages.json", "create"),
        ("GET", "/2010-04-01/Accounts/AC1/Messages.json", "list"),
        ("GET", "/2010-04-01/Accounts/AC1/Messages/SM1.json", "fetch"),
        ("POST", "/2010-04-01/Accounts/AC1/Messages/SM1.json", "change"),
        ("DELETE", "/2010-04-01/Accounts/AC1/Messages/SM1.json", "change"),
        ("POST", "/2010-04-01/Accounts/AC1/Calls.json", "place"),
        ("GET", "/2010-04-01/Accounts/AC1/Calls.json", "call"),
        ("POST", "/2010-04-01/Accounts/AC1/Calls/CA1/Recordings.json", "call"),
        ("GET", "/v1/Services", "other"),
    ],
)
def test_every_request_has_a_class(method, path, kind):
    assert kind_of(method, path) == kind
