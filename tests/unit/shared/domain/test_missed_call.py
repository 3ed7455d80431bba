from itertools import product

import pytest

from shared.domain.missed_call import ANSWERED_DIALS, MISSED_DIALS, CallFacts, decide, platform_status, was_taken
from shared.domain.status import CALL_FINAL, CALL_RANK


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


def test_the_table_is_total_and_speaks_the_platforms_words():
    for status, dial, bridged, settled in product(CALL_RANK, [None, *MISSED_DIALS, *ANSWERED_DIALS], [None, True, False],
                                                  [True, False]):  # fmt: skip
        facts = CallFacts("inbound", "forward", status, dial, bridged)
        assert decide(facts, settled=settled) in ("missed", "answered", None)
        assert platform_status(facts) in ("no-answer", "busy", "failed", "canceled")
        if settled and status in CALL_FINAL:
            assert decide(facts, settled=True) is not None
