from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import data
from shared.domain import law
from shared.domain.permission import RULE_IDS, Consent, Facts, OptOut, Suppression, decide
from shared.domain.recipient import Recipient

LAW = law.read(data.read("law_us"))
STRICT = replace(LAW, binds=LAW.binds | {"transactional"}, is_transactional_consent_required=True)
NOON = datetime(2026, 3, 4, 17, tzinfo=UTC)  # a Wednesday, 12:00 in New York
NIGHT = datetime(2026, 3, 5, 3, tzinfo=UTC)  # 22:00 there
MORNING = datetime(2026, 3, 5, 13, tzinfo=UTC)  # 08:00
FLORIDA = Recipient("+13055550142", "US", "other", ("FL",), ("America/New_York",))
WRITTEN, EXPRESS = Consent(UUID(int=1), "written"), Consent(UUID(int=2), "express")


def facts(**more):
    given = {"purpose": "transactional", "now": NOON, "recipient": FLORIDA, "sender_kind": "long-code"}
    return Facts(**{**given, **more})


def marketing(**more):
    return facts(**{"purpose": "marketing", "consents": [WRITTEN], **more})


def found(decision, id_):
    return next(rule for rule in decision.rules if rule.id == id_)


@pytest.mark.parametrize("purpose", law.PURPOSES)
def test_an_opt_out_refuses_every_purpose(purpose):
    given = facts(purpose=purpose, opt_outs=[OptOut("*", "keyword", NOON)], consents=[WRITTEN], last_contact_at=NOON)
    decision = decide(given, LAW)
    assert (decision.verdict, decision.decisive.id) == ("refused", "opt-out")


@pytest.mark.parametrize("change", [
    {"is_own_number": True}, {"recipient": replace(FLORIDA, kind="premium")}, {"recipient": replace(FLORIDA, kind="withheld")},
    {"sender_kind": "alphanumeric"}, {"suppression": Suppression("unreachable", None)},
    {"suppression": Suppression("unreachable", NOON + timedelta(seconds=1))},
])  # fmt: skip
def test_what_no_consent_mends_is_refused(change):
    assert decide(marketing(**change), LAW).verdict == "refused"


@pytest.mark.parametrize("change", [
    {"suppression": Suppression("unreachable", NOON)}, {"recipient": replace(FLORIDA, kind="toll-free")},
    {"sender_kind": "alphanumeric", "recipient": Recipient("+447911123456", "GB", zones=("Europe/London",))},
])  # fmt: skip
def test_what_only_looks_like_it_is_allowed(change):
    assert decide(marketing(**change), LAW).verdict == "allowed"


def test_canada_takes_no_alphanumeric_sender_either():
    canada = Recipient("+14165550142", "CA", zones=("America/Toronto",))
    assert decide(facts(sender_kind="alphanumeric", recipient=canada), LAW).decisive.id == "alphanumeric-us"


@pytest.mark.parametrize(("consents", "verdict", "consent_id"), [
    ([], "refused", None), ([EXPRESS], "refused", None), ([EXPRESS, WRITTEN], "allowed", WRITTEN.id),
])  # fmt: skip
def test_marketing_needs_a_written_consent(consents, verdict, consent_id):
    decision = decide(marketing(consents=consents), LAW)
    assert (decision.verdict, decision.consent_id) == (verdict, consent_id)


@pytest.mark.parametrize(("given", "verdict"), [
    (LAW, "allowed"), (STRICT, "refused"),
])  # fmt: skip
def test_consent_to_information_is_assumed_or_required_as_the_settings_say(given, verdict):
    assert decide(facts(), given).verdict == verdict
    assert decide(facts(purpose="conversation"), given).verdict == verdict
    assert decide(facts(consents=[EXPRESS]), given).consent_id == EXPRESS.id


@pytest.mark.parametrize("purpose", ["conversation", "transactional"])
def test_who_has_called_or_written_may_be_answered(purpose):
    assert decide(facts(purpose=purpose, last_contact_at=NOON - timedelta(days=90)), STRICT).verdict == "allowed"
    assert decide(facts(purpose=purpose, last_contact_at=NOON - timedelta(days=91)), STRICT).verdict == "refused"


def test_who_has_called_has_not_asked_for_marketing():
    assert decide(marketing(consents=[], last_contact_at=NOON), LAW).decisive.id == "consent.marketing"


def test_marketing_waits_for_the_morning_and_a_reply_does_not():
    decision = decide(marketing(now=NIGHT), LAW)
    assert (decision.verdict, decision.held_until, decision.decisive.id) == ("held", MORNING, "quiet-hours")
    assert decide(facts(now=NIGHT), LAW).verdict == "allowed"
    assert decide(facts(now=NIGHT, purpose="conversation", last_contact_at=NIGHT), STRICT).verdict == "allowed"


def test_information_waits_too_where_the_settings_say_so():
    assert decide(facts(now=NIGHT, consents=[EXPRESS]), STRICT).held_until == MORNING
    not_a_reply = facts(now=NIGHT, purpose="conversation", consents=[EXPRESS])
    assert decide(not_a_reply, STRICT).held_until == MORNING


def test_florida_gets_three_a_day():
    sent = [NOON - timedelta(hours=hours) for hours in (23, 5, 2)]
    decision = decide(marketing(sent_at=sent), LAW)
    # In an hour the first of them is a day old.
    assert (decision.verdict, decision.decisive.id, decision.held_until) == (
        "held",
        "frequency",
        NOON + timedelta(hours=1),
    )
    assert decide(marketing(sent_at=sent[1:]), LAW).verdict == "allowed"
    assert decide(marketing(sent_at=sent, recipient=replace(FLORIDA, states=("CA",))), LAW).verdict == "allowed"


def test_what_is_held_for_the_count_is_held_for_the_clock_at_that_time():
    sent = [NOON - timedelta(hours=hours) for hours in (14, 13, 12)]  # the count allows at 22:00
    assert decide(marketing(sent_at=sent), LAW).held_until == MORNING


def test_no_hour_in_common_is_refused_and_not_held_for_ever():
    nowhere = Recipient("+80012345678", None, "toll-free")
    decision = decide(marketing(recipient=nowhere), LAW)
    assert (decision.verdict, decision.decisive.id) == ("refused", "quiet-hours")


def test_an_unknown_state_has_no_sunday():
    anywhere = Recipient("+18005550123", None, "toll-free", (), ("America/New_York",))
    sunday = datetime(2026, 3, 8, 17, tzinfo=UTC)
    assert decide(marketing(recipient=anywhere, now=sunday), LAW).held_until == datetime(2026, 3, 9, 12, tzinfo=UTC)


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
FACTS = st.builds(
    Facts,
    purpose=st.sampled_from(law.PURPOSES), now=MOMENTS,
    recipient=st.builds(
        Recipient, st.sampled_from(["+13055550142", "+447911123456"]), st.sampled_from(["US", "CA", "GB", None]),
        st.sampled_from(["other", "toll-free", "premium", "withheld"]),
        st.lists(st.sampled_from(["FL", "RI", "CA", "PR"]), max_size=2).map(tuple),
        st.lists(st.sampled_from(["America/New_York", "Pacific/Guam", "Europe/London"]), max_size=3).map(tuple),
    ),
    sender_kind=st.sampled_from(["long-code", "alphanumeric", "service"]), is_own_number=st.booleans(),
    opt_outs=st.lists(st.builds(OptOut, st.just("*"), st.just("keyword"), MOMENTS), max_size=1),
    suppression=st.none() | st.builds(Suppression, st.just("gone"), st.none() | MOMENTS),
    consents=st.lists(st.sampled_from([WRITTEN, EXPRESS]), max_size=2), last_contact_at=st.none() | MOMENTS,
    sent_at=st.lists(MOMENTS, max_size=5),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(FACTS, st.sampled_from([LAW, STRICT]))
def test_every_question_is_answered_and_every_rule_has_its_word(given_facts, given_law):
    decision = decide(given_facts, given_law)
    told = [rule.id for rule in decision.rules]
    assert told == [
        id_ for id_ in RULE_IDS if not id_.startswith("consent.") or id_ == f"consent.{given_facts.purpose}"
    ]
    assert len(decision.as_json()) == len(told)
    assert (decision.verdict == "allowed") == (decision.decisive is None)
    assert (decision.verdict == "held") == (decision.held_until is not None)
    assert decision.held_until is None or decision.held_until > given_facts.now
    assert not given_facts.opt_outs or decision.verdict == "refused"


@settings(max_examples=200, deadline=None)
@given(FACTS)
def test_what_was_held_is_allowed_when_it_is_asked_again_at_that_moment(given_facts):
    decision = decide(given_facts, STRICT)
    if decision.verdict == "held":
        assert decide(replace(given_facts, now=decision.held_until), STRICT).verdict != "held"


def call(**more):
    return marketing(channel="call", **more)


@pytest.mark.parametrize("change", [{"sender_kind": "alphanumeric"}, {"suppression": Suppression("unreachable", None)}])
def test_what_is_about_texts_alone_is_not_asked_of_a_call(change):
    decision = decide(call(**change), LAW)
    assert decision.verdict == "allowed"
    assert [rule.id for rule in decision.rules] == [
        "own-number", "recipient-kind", "opt-out", "consent.marketing", "frequency", "quiet-hours",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"opt_outs": [OptOut("*", "keyword", NOON)]}, "opt-out"), ({"consents": []}, "consent.marketing"),
        ({"is_own_number": True}, "own-number"), ({"recipient": replace(FLORIDA, kind="premium")}, "recipient-kind"),
    ],
)  # fmt: skip
def test_what_forbids_a_text_forbids_a_call(change, rule):
    decision = decide(call(**change), LAW)
    assert (decision.verdict, decision.decisive.id) == ("refused", rule)


def test_a_call_by_night_or_the_fourth_of_a_day_could_be_placed_later():
    assert decide(call(now=NIGHT), LAW).held_until == MORNING
    assert decide(call(sent_at=[NOON - timedelta(hours=1)] * 3), LAW).held_until == NOON + timedelta(hours=23)
    assert (
        decide(facts(channel="call", purpose="conversation", now=NIGHT, last_contact_at=NOON), LAW).verdict == "allowed"
    )
