"""The demo's world: fictitious numbers only, and strangers who can be met again by their seed."""

import re

from ops import demo_world
from ops.demo_world import stranger

FICTITIOUS = re.compile(r"\+1\d{3}55501\d{2}")


def test_every_number_is_fictitious():
    known = [value for value in vars(demo_world).values() if str(value).startswith("+")]
    assert len(known) >= 10
    assert all(FICTITIOUS.fullmatch(number) for number in known)
    assert len(set(known)) == len(known)


def test_a_stranger_is_the_same_for_the_same_seed_and_mostly_another_for_another():
    strangers = [stranger(f"seed {number}") for number in range(200)]
    assert strangers == [stranger(f"seed {number}") for number in range(200)]
    assert all(FICTITIOUS.fullmatch(number) for number in strangers)
    assert len(set(strangers)) > 150
