"""All that Twilio can say of one text, in every order: one truth."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.message_life import Report, is_conflicted, life, outcome
from shared.domain.status import MESSAGE_FINAL, MESSAGE_RANK

DONE = datetime(2026, 3, 1, 14, 22, tzinfo=UTC)
CODES = (None, 30003, 30005, 30007, 30008)


def reports(statuses=(*MESSAGE_RANK, "teleported")):
    """Anything that Twilio may say, words of tomorrow included."""
    return st.builds(
        Report,
        status=st.sampled_from(statuses),
        error_code=st.sampled_from(CODES),
        segments=st.none() | st.integers(0, 3),
        price=st.sampled_from([None, "-0.0079", "-0.0158", "0"]),
        price_unit=st.sampled_from([None, "USD", "EUR"]),
        carrier_done_at=st.sampled_from([None, DONE, DONE.replace(minute=1)]),
        messaging_service_sid=st.sampled_from([None, "MG" + "1" * 32, "MG" + "2" * 32]),
    )


@pytest.mark.parametrize("statuses", [*combinations(MESSAGE_RANK, 4)], ids="-".join)
def test_four_of_the_thirteen_in_every_order_come_to_the_same(statuses):
    heard = [Report(status=s, error_code=code) for s, code in zip(statuses, CODES[1:], strict=True)]
    assert len({life([*order, *order[:2]]) for order in permutations(heard)}) == 1


def test_a_whole_life_in_all_its_5040_orders_comes_to_the_same():
    heard = [
        Report(status="accepted", messaging_service_sid="MG" + "1" * 32), Report(status="queued"),
        Report(status="sending"), Report(status="sent", error_code=30008, segments=2, price="-0.0158", price_unit="USD"),
        Report(status="undelivered", error_code=30003, carrier_done_at=DONE), Report(status="failed", error_code=30007),
        Report(status="delivered", carrier_done_at=DONE.replace(minute=40)),
    ]  # fmt: skip
    (ending,) = {life(order) for order in permutations(heard)}
    assert (ending.status, ending.error_code, ending.is_conflicted) == ("delivered", None, True)
    assert (ending.segments, ending.price, ending.carrier_done_at) == (2, Decimal("-0.0158"), DONE.replace(minute=40))


@given(
    st.lists(reports(), min_size=1, max_size=8).flatmap(lambda all: st.tuples(st.just(all), st.permutations(all * 2)))
)
def test_any_order_and_any_doubling_come_to_the_same(given_):
    heard, arrived = given_
    assert life(arrived) == life(heard)


@given(st.lists(reports(), max_size=6), reports())
def test_what_was_final_stays_unless_a_better_end_is_heard(heard, late):
    before, after = life(heard), life([*heard, late])
    if before.status in MESSAGE_FINAL and late.status not in MESSAGE_FINAL:
        assert after.status == before.status
    assert after.is_conflicted or not before.is_conflicted


@given(st.lists(reports(), max_size=6))
def test_a_text_that_arrived_has_no_error_code_whatever_else_was_heard(heard):
    assert life([*heard, Report(status="delivered", error_code=30008)]).error_code is None


def test_the_code_is_that_of_the_end_that_stands():
    heard = [Report(status="failed", error_code=30008), Report(status="undelivered", error_code=30003)]
    assert life(heard).error_code == 30003
    assert life([*heard, Report(status="undelivered", error_code=30005)]).error_code == 30005
    assert life([heard[0], Report(status="undelivered")]).error_code == 30008


def test_a_code_that_rides_on_a_status_on_the_way_counts_while_it_stands_and_is_not_the_reason_of_an_end():
    assert (
        life([Report(status="sending", error_code=30007), Report(status="sent", error_code=30008)]).error_code == 30008
    )
    assert life([Report(status="sending", error_code=30007), Report(status="sent")]).error_code is None
    assert life([Report(status="sent", error_code=30008), Report(status="failed")]).error_code is None


@pytest.mark.parametrize("rival", sorted(MESSAGE_FINAL - {"delivered", "read"}))
def test_delivered_stands_against_every_other_end_and_the_text_is_flagged(rival):
    for pair in permutations(["delivered", rival]):
        ending = life(Report(status=status) for status in pair)
        assert (ending.status, ending.is_conflicted) == ("delivered", True)


def test_who_reads_a_text_has_got_it():
    assert not is_conflicted(["sent", "delivered", "read"])
    assert outcome("read") == outcome("delivered") == "delivered"


def test_a_status_that_twilio_invents_tomorrow_is_no_state():
    assert life([Report(status="teleported", segments=2)]).status is None
    assert life([Report(status="queued"), Report(status="teleported")]).status == "queued"
