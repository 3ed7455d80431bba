"""A check waits for a fact with a deadline, and no failure of one story hides the others."""

from itertools import count
from time import monotonic

import pytest

from ops.demo.check import NotYet, need, told, until


def test_until_gives_the_fact_as_soon_as_it_is_so():
    looks = count(1)

    def fact() -> str:
        seen = next(looks)
        need(seen >= 3, f"look {seen}")
        return "here"

    assert until(fact, "the third look") == "here"


def test_until_gives_up_at_its_deadline_and_says_what_it_saw_last():
    before = monotonic()
    with pytest.raises(NotYet, match=r"the moon: not within 0.1 s, last seen: only clouds"):
        until(lambda: need(False, "only clouds"), "the moon", deadline_s=0.1)
    assert monotonic() - before < 5


def test_a_fault_that_is_no_fact_ends_the_waiting_at_once():
    with pytest.raises(ZeroDivisionError):
        until(lambda: 1 // 0, "never")


def test_a_story_that_comes_true_is_ok_with_its_own_words():
    check = told("a story", lambda: "all well")
    assert (check.name, check.ok, check.detail) == ("a story", True, "all well")
    assert check.took_ms >= 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [(NotYet("queued"), "queued"), (KeyError("TS_URL"), "KeyError: 'TS_URL'"), (OSError(), "OSError: ")],
)
def test_whatever_goes_wrong_in_a_story_is_a_failed_check(fault: Exception, said: str):
    def story() -> str:
        raise fault

    check = told("a story", story)
    assert (check.ok, check.detail) == (False, said)
