from itertools import product

import pytest

from shared.domain.missed_call import (
    ANSWERED_DIALS,
    MISSED_DIALS,
    TABLE,
    CallFacts,
    cases,
    decide,
    dial_weight,
    platform_status,
    rises,
    row_of,
    was_taken,
)
from shared.domain.status import CALL_FINAL, CALL_RANK, DECISION_RANK, ROUTE_RANK

RANKS = {
    "route": ["unknown", *ROUTE_RANK],
    "dial": ["none", "taken", "not-taken"],
    "who": ["unknown", "human", "machine"],
    "end": ["open", "completed", "unanswered"],
    "leg": ["-", "picked-up"],
}


def is_later(one, other):
    """Whether `other` may be what is known of the same call after more was heard. A screening is known with the route."""
    if one.route != "unknown" and one.screening != other.screening:
        return False
    if one.route == "voicemail" and (other.route == "forward" or other.dial == "taken"):
        return False  # for whom we have sent to voicemail nobody is rung
    return all(rank.index(getattr(one, name)) <= rank.index(getattr(other, name)) for name, rank in RANKS.items())


def test_the_table_is_total_and_every_row_is_needed():
    assert {row_of(case) for case in cases()} == set(TABLE)


def test_what_makes_a_call_missed_stays_true_whatever_is_heard_later():
    known = list(cases())
    for case in known:
        if row_of(case).now == "missed":
            assert {row_of(later).settled for later in known if is_later(case, later)} == {"missed"}, case


def test_an_early_decision_is_never_against_the_settled_one_of_the_same_facts():
    for row in TABLE:
        assert row.now in (None, row.settled), row.why


def test_whatever_is_over_is_decided_when_nothing_more_is_expected():
    for case in cases():
        is_open = case.end == "open" and case.dial == "none"
        assert row_of(case).settled in DECISION_RANK or (is_open and row_of(case).settled is None), case


@pytest.mark.parametrize("status", sorted(CALL_RANK))
@pytest.mark.parametrize("dial", sorted(MISSED_DIALS))
def test_a_call_the_owner_did_not_take_is_missed_whatever_else_arrived(dial, status):
    assert decide(CallFacts("inbound", "forward", status, dial, None)) == "missed"


@pytest.mark.parametrize(("bridged", "decision"), [(True, "answered"), (None, "answered"), (False, "missed")])
def test_a_call_the_owner_took_is_answered_unless_it_never_bridged(bridged, decision):
    assert decide(CallFacts("inbound", "forward", "in-progress", "completed", bridged)) == decision


@pytest.mark.parametrize("bridged", [True, None, False])
def test_a_caller_who_was_in_a_conference_was_answered_though_nothing_is_bridged_there(bridged):
    assert decide(CallFacts("inbound", "forward", "in-progress", "answered", bridged)) == "answered"


@pytest.mark.parametrize("bridged", [True, None, False])
@pytest.mark.parametrize("word", ["teleported", None])
def test_of_a_dial_whose_result_is_no_known_word_bridging_tells_whether_it_was_taken(word, bridged):
    assert was_taken(word, bridged) is bridged


def test_a_dial_after_which_another_phone_is_rung_decides_nothing():
    assert decide(CallFacts("inbound", "forward", "in-progress", "no-answer", None, dial_ended=False)) is None


def test_of_two_results_the_last_one_stands_and_of_two_last_ones_that_which_nobody_took():
    heaviest = [(True, "no-answer", None), (True, "completed", True), (False, "completed", True), (False, "busy", None),
                (False, None, None)]  # fmt: skip
    assert sorted(heaviest, key=lambda dial: -dial_weight(*dial)) == heaviest


def test_a_ringing_call_is_not_missed_yet():
    assert decide(CallFacts("inbound", "forward", "ringing")) is None


def test_a_forwarded_call_that_is_over_waits_for_its_dial_result_and_then_counts_as_missed():
    facts = CallFacts("inbound", "forward", "completed")
    assert decide(facts) is None
    assert decide(facts, settled=True) == "missed"


def test_a_caller_who_reached_voicemail_only_was_missed():
    assert decide(CallFacts("inbound", "voicemail", "completed")) == "missed"


@pytest.mark.parametrize("direction", ["outbound-api", "outbound-dial", ""])
def test_only_a_customers_call_can_be_missed(direction):
    for status, dial in product(CALL_RANK, [None, *MISSED_DIALS]):
        assert decide(CallFacts(direction, None, status, dial), settled=True) is None


def test_a_decision_only_rises():
    words = [None, "screened", "answered", "missed"]
    for old, new in product(words, words):
        assert rises(old, new) == (words.index(new) > words.index(old))


def test_whatever_is_known_can_be_decided_and_told_in_the_platforms_words():
    for status, dial, bridged, settled in product(CALL_RANK, [None, *MISSED_DIALS, *ANSWERED_DIALS], [None, True, False],
                                                  [True, False]):  # fmt: skip
        facts = CallFacts("inbound", "forward", status, dial, bridged)
        assert decide(facts, settled=settled) in ("missed", "answered", None)
        assert platform_status(dial, status) in ("no-answer", "busy", "failed", "canceled")
        if settled and status in CALL_FINAL:
            assert decide(facts, settled=True) is not None
