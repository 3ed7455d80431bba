from dataclasses import replace
from itertools import product

import pytest

from shared.domain.text_back import TextBack, TextBackFacts, decide

PLAIN = TextBackFacts(
    caller="+12125550142", is_a_number=True, tenant_id="t", is_own=False, is_blocked=False, is_opted_out=False,
    suppression=None, is_stale=False, is_cooling=False,
)  # fmt: skip


def test_a_customer_who_was_missed_is_texted():
    assert decide(PLAIN) == "wanted"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"caller": "anonymous"}, "withheld"), ({"caller": "Restricted"}, "withheld"), ({"caller": ""}, "withheld"),
        ({"caller": "+266696687"}, "withheld"), ({"caller": "+2562533"}, "withheld"),
        ({"is_a_number": False}, "invalid"), ({"is_own": True}, "own"), ({"is_blocked": True}, "blocked"),
        ({"tenant_id": None}, "no-tenant"), ({"is_opted_out": True}, "opted-out"), ({"suppression": "landline"}, "landline"),
        ({"suppression": "invalid"}, "invalid"), ({"suppression": "unreachable"}, "unreachable"),
        ({"suppression": "a new word"}, "unreachable"), ({"is_stale": True}, "stale"), ({"is_cooling": True}, "cooldown"),
    ],
)  # fmt: skip
def test_who_is_not_to_be_texted_is_not_and_the_word_says_why(change, word):
    assert decide(replace(PLAIN, **change)) == word


def test_one_word_comes_of_every_combination_and_a_text_only_of_one():
    wanted = 0
    for own, blocked, out, stale, cooling in product([False, True], repeat=5):
        for caller, tenant, suppression in product(["anonymous", "x", "+12125550142"], [None, "t"], [None, "landline"]):
            facts = TextBackFacts(
                caller=caller, is_a_number=caller != "x", tenant_id=tenant, is_own=own, is_blocked=blocked, is_opted_out=out,
                suppression=suppression, is_stale=stale, is_cooling=cooling,
            )  # fmt: skip
            assert decide(facts) in TextBack.__args__
            wanted += decide(facts) == "wanted"
    assert wanted == 1
