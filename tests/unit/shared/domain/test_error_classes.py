from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.data import read
from shared.domain.error_classes import (
    MORNING_S,
    Deed,
    ErrorClass,
    ErrorRule,
    Repeat,
    next_midnight,
    rule_of,
    rule_of_status,
    when_again,
)

NOW = datetime(2026, 3, 7, 20, tzinfo=UTC)
RULES = [rule_of(row["code"]) for row in read("error_codes")["codes"]]
# What may follow from a fault of each class, besides an alert.
FITTING = {
    "suppress": {"recipient"}, "opt-out": {"compliance"}, "pause-sender": {"sender", "throttle"}, "pause-account": {"account"},
    "alert": set(get_args(ErrorClass)),
}  # fmt: skip


def contradictions(rule: ErrorRule) -> Iterator[str]:
    passing = rule.error_class in ("transient", "throttle", "account")
    if rule.error_class not in get_args(ErrorClass) or rule.repeat not in get_args(Repeat):
        yield "no such class or repeat"
    if passing and (rule.repeat == "none") != rule.is_notice:
        yield "a passing fault is tried again, unless nothing failed"
    if not passing and rule.repeat not in ("none", "limited"):
        yield "what does not pass is not tried for ever"
    if rule.error_class in ("content", "compliance", "config", "sender") and rule.repeat != "none":
        yield "the same again gives the same answer"
    if rule.repeat == "next-day" and rule.error_class != "throttle":
        yield "only a cap is new the next day"
    if (rule.repeat == "limited") != (0 < rule.tries <= 5):
        yield "limited names its tries, and nothing else does"
    if rule.is_notice and any(one.do != "alert" for one in rule.consequences):
        yield "nobody pays for a notice"
    for one in rule.consequences:
        if one.do not in get_args(Deed) or rule.error_class not in FITTING[one.do]:
            yield f"{one.do} does not fit {rule.error_class}"
        if one.do == "suppress" and one.reason not in ("invalid", "landline", "unreachable"):
            yield "a suppression says why"
        if (one.do == "pause-sender") != (one.minutes > 0) or (one.do == "pause-account") != (one.seconds > 0):
            yield "a pause says how long"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.code))
def test_every_code_has_one_rule_without_contradiction(rule):
    assert list(contradictions(rule)) == []
    assert rule.means
    assert rule.is_known


@pytest.mark.parametrize(
    "rule",
    [
        ErrorRule(1, "recipient", "backoff"),
        ErrorRule(1, "content", "limited", tries=1),
        ErrorRule(1, "transient", "none"),
        ErrorRule(1, "transient", "limited"),
        ErrorRule(1, "fun", "none"),  # type: ignore[arg-type]
    ],
)
def test_a_contradiction_would_be_noticed(rule):
    assert list(contradictions(rule))


def test_no_code_is_there_twice_and_each_says_where_it_is_from():
    rows = read("error_codes")["codes"]
    assert len({row["code"] for row in rows}) == len(rows) >= 147
    assert {row["source"] for row in rows} == set(read("error_codes")["sources"])


@pytest.mark.parametrize(
    ("code", "error_class", "retry", "deeds"),
    [
        (20429, "throttle", "backoff", []),
        (20500, "transient", "resolve", []),
        (21610, "compliance", "none", ["opt-out"]),
        (21211, "recipient", "none", ["suppress"]),
        (30003, "recipient", "limited", ["suppress"]),
        (30007, "content", "none", ["alert"]),
        (30023, "throttle", "next-day", ["alert"]),
        (30034, "sender", "none", ["pause-sender", "alert"]),
        (20003, "account", "backoff", ["pause-account", "alert"]),
        (21408, "config", "none", ["alert"]),
    ],
)
def test_the_codes_that_matter_most(code, error_class, retry, deeds):
    rule = rule_of(code)
    assert (rule.error_class, rule.repeat, [one.do for one in rule.consequences]) == (error_class, retry, deeds)


@given(st.none() | st.integers().filter(lambda code: code not in {rule.code for rule in RULES}))
def test_what_we_do_not_know_is_not_tried_again_and_somebody_is_told(code):
    rule = rule_of(code)
    assert (rule.code, rule.repeat, rule.is_known, [one.do for one in rule.consequences]) == (
        code,
        "none",
        False,
        ["alert"],
    )
    assert when_again(rule, 1, 0.5, now=NOW) is None


@pytest.mark.parametrize(
    ("status", "error_class"),
    [(401, "account"), (403, "account"), (404, "config"), (429, "throttle"), (500, "transient"), (503, "transient"),
     (599, "transient")],
)  # fmt: skip
def test_a_status_stands_for_a_code(status, error_class):
    rule = rule_of_status(status)
    assert (rule.error_class, rule.is_known) == (error_class, True)


def test_a_refusal_without_a_code_is_unknown():
    assert not rule_of_status(400).is_known


def test_nobody_is_suppressed_who_is_about_to_be_tried_again():
    rule = rule_of(30003)
    assert [[one.do for one in rule.consequences_after(attempt)] for attempt in (1, 2, 3)] == [[], [], ["suppress"]]


jitter = st.floats(0, 1, exclude_max=True)


@given(st.sampled_from(RULES), st.integers(1, 100), jitter, st.floats(0, 3600))
def test_a_next_try_is_later_than_now_and_than_twilio_asks_for(rule, attempt, random, retry_after_s):
    again = when_again(rule, attempt, random, now=NOW, retry_after_s=retry_after_s)
    assert (again is None) == (not rule.may_follow(attempt))
    assert again is None or again > NOW
    assert again is None or again >= NOW + timedelta(seconds=retry_after_s)


def test_limited_tries_end():
    rule = rule_of(30003)
    assert [when_again(rule, attempt, 0.5, now=NOW) is not None for attempt in (1, 2, 3)] == [True, True, False]


@pytest.mark.parametrize(
    ("now", "midnight"),
    [
        ("2026-01-15T12:00+00:00", "2026-01-16T08:00+00:00"),
        ("2026-03-08T07:59+00:00", "2026-03-08T08:00+00:00"),  # the night in which the clocks go forward
        ("2026-03-08T08:00+00:00", "2026-03-09T07:00+00:00"),
        ("2026-11-01T12:00+00:00", "2026-11-02T08:00+00:00"),  # and the day they have gone back
        ("2026-07-01T06:00+00:00", "2026-07-01T07:00+00:00"),
    ],
)
def test_the_new_day_begins_at_midnight_pacific(now, midnight):
    assert next_midnight(datetime.fromisoformat(now)) == datetime.fromisoformat(midnight)


@given(st.integers(0, 15 * 365 * 24 * 3600), jitter)
def test_a_cap_is_waited_for_into_the_first_half_hour_of_the_new_day(seconds, random):
    now = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    again = when_again(rule_of(30023), 1, random, now=now)
    assert again is not None
    assert timedelta(0) <= again - next_midnight(now) <= timedelta(seconds=MORNING_S)
    assert timedelta(0) < next_midnight(now) - now <= timedelta(hours=25)
