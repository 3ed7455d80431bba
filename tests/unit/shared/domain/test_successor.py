"""When a text that Twilio lost is sent once more: never where somebody may have got it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.data import read
from shared.domain.error_classes import rule_of
from shared.domain.status import MESSAGE_RANK
from shared.domain.successor import is_lost, may_succeed

CODES = [row["code"] for row in read("error_codes")["codes"]]
heard = st.frozensets(st.sampled_from([*MESSAGE_RANK, "teleported"]))


@given(heard, st.sampled_from(CODES), st.integers(1, 5))
def test_nobody_is_texted_again_who_may_have_got_the_text(statuses, code, attempt):
    if not may_succeed(statuses, rule_of(code), attempt):
        return
    assert not statuses & {"partially_delivered", "received", "delivered", "read", "canceled"}
    assert statuses & {"failed", "undelivered"}
    assert not {"failed", "sent"} <= statuses
    assert not {"failed", "undelivered"} <= statuses
    assert "failed" in statuses or not rule_of(code).may_have_arrived


@given(heard, st.sampled_from(CODES), heard)
def test_more_words_only_ever_add_a_doubt(statuses, code, more):
    rule = rule_of(code)
    if statuses & {"failed", "undelivered"} and not is_lost(statuses, rule):
        assert not is_lost(statuses | more, rule)


@pytest.mark.parametrize("code", [30001, 30022, 30410, 30500, 63018, 30023])
def test_what_failed_for_a_passing_reason_never_left_and_goes_again(code):
    assert may_succeed({"queued", "sending", "failed"}, rule_of(code), 1)


@pytest.mark.parametrize("code", [None, 21610, 30004, 30005, 30006, 30007, 99999])
def test_what_would_fail_again_does_not_go_again(code):
    assert not may_succeed({"failed"}, rule_of(code), 1)
    assert not may_succeed({"sent", "undelivered"}, rule_of(code), 1)


def test_a_carrier_that_gives_no_reason_may_have_brought_it():
    assert not may_succeed({"sent", "undelivered"}, rule_of(30008), 1)


def test_a_handset_that_is_off_is_tried_as_often_as_its_rule_says():
    tried = [may_succeed({"sent", "undelivered"}, rule_of(30003), attempt) for attempt in (1, 2, 3)]
    assert tried == [True, True, False]


@pytest.mark.parametrize("code", [20500, 20503])
def test_what_must_be_found_out_first_is_not_simply_sent_again(code):
    assert not may_succeed({"failed"}, rule_of(code), 1)
