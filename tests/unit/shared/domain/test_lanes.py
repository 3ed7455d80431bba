"""How urgent a text is."""

import pytest

from shared.domain.lanes import BULK, CONVERSATION, TRANSACTIONAL, VALIDITY_S, lane_of


def test_a_reply_goes_before_news_and_news_before_what_many_get():
    assert (lane_of("conversation"), lane_of("transactional"), lane_of("marketing")) == (
        CONVERSATION,
        TRANSACTIONAL,
        BULK,
    )
    assert CONVERSATION < TRANSACTIONAL < BULK


@pytest.mark.parametrize("purpose", ["conversation", "transactional", "marketing"])
def test_no_part_of_a_bulk_is_urgent(purpose):
    assert lane_of(purpose, in_bulk=True) == BULK


def test_the_more_urgent_a_text_the_sooner_it_is_stale():
    assert VALIDITY_S[CONVERSATION] < VALIDITY_S[TRANSACTIONAL] < VALIDITY_S[BULK]
