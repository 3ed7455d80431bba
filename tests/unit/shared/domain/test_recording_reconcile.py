"""The table of reconciliation is total, and gives up nothing that is had."""

import pytest

from shared.domain.recording_reconcile import STATES, TABLE, WORDS, action, word_of
from shared.domain.status import RECORDING_HAD


def test_every_pair_has_its_action():
    assert set(TABLE) == {(word, state) for word in WORDS for state in STATES}


@pytest.mark.parametrize("state", [None, "announced", "available", "fetched", "verified", "failed"])
def test_what_twilio_has_and_we_have_not_is_fetched(state):
    assert action("completed", state) in ("fetch", "again")


@pytest.mark.parametrize("state", sorted(RECORDING_HAD))
def test_what_is_had_is_never_lost_or_fetched_over(state):
    assert not {action(word, state) for word in WORDS} & {"lost", "fetch", "again", "announce"}


def test_a_status_that_twilio_adds_concludes_nothing():
    assert word_of("frozen") == "running"
