"""Where a call goes: the first rule that speaks decides, and every call has an answer."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.call_preview import preview
from shared.domain.hours import hours_of
from shared.domain.routing import (
    MOST_TARGETS,
    Caller,
    CallerId,
    ConsentWay,
    Emergency,
    Number,
    Reason,
    RecordingMode,
    RecordingPolicy,
    RouteKind,
    Routing,
    Screening,
    Strategy,
    Suspect,
    Target,
    Withheld,
    document,
    emergency_prompt,
    forwards,
    is_suspect,
    is_withheld,
    of,
    route,
    steps,
    unknown_number,
)
from tests.unit.shared.domain.test_hours import any_hours, any_moment

BUSINESS, OWNER, SECOND, THIRD = "+14155550100", "+14155550111", "+14155550112", "+14155550113"
CUSTOMER, SUPPLIER = "+12125550142", "+12125550143"
NOON, NIGHT = datetime(2026, 3, 2, 20, tzinfo=UTC), datetime(2026, 3, 3, 8, tzinfo=UTC)  # Monday, in Los Angeles
OFFICE = hours_of({"zone": "America/Los_Angeles", "week": {"mon": [["08:00", "17:00"]]}})
FAILED = "TN-Validation-Failed-C"


def routed(rules, caller=CUSTOMER, now=NOON, status=None, **more):
    found = route(Number(BUSINESS, "t", rules, status=status), Caller(caller, **more), now)
    return found.kind, found.reason


def rules(**more):
    return forwards(OWNER, **more)


class TestUsually:
    def test_a_call_is_forwarded(self):
        assert routed(rules()) == ("forward", "")

    def test_with_nobody_to_ring_it_reaches_voicemail(self):
        assert routed(Routing()) == ("voicemail", "nobody_to_ring")

    def test_a_number_that_nobody_told_us_of_reaches_voicemail(self):
        found = route(unknown_number(BUSINESS), Caller(CUSTOMER), NOON)
        assert (found.kind, found.reason, found.number.version) == ("voicemail", "nobody_to_ring", 0)

    def test_a_fallback_alone_is_somebody_to_ring(self):
        assert routed(Routing(fallback_to=OWNER)) == ("forward", "")


class TestHours:
    def test_within_them_the_phones_ring_and_outside_they_do_not(self):
        assert routed(rules(hours=OFFICE)) == ("forward", "")
        assert routed(rules(hours=OFFICE), now=NIGHT) == ("voicemail", "closed")

    def test_a_caller_may_be_offered_an_emergency_phone_while_closed_only(self):
        ruled = rules(hours=OFFICE, emergency=Emergency(SECOND))
        assert routed(ruled) == ("forward", "")
        assert routed(ruled, now=NIGHT) == ("menu", "closed")

    def test_whoever_is_on_call_is_not_offered_to_be_rung_by_himself(self):
        ruled = rules(hours=OFFICE, emergency=Emergency(SECOND))
        assert routed(ruled, caller=SECOND, now=NIGHT) == ("voicemail", "closed")
        assert routed(ruled, now=NIGHT, forwarded_from=SECOND) == ("voicemail", "closed")

    @pytest.mark.parametrize(("key", "word"), [("1", "press 1."), ("*", "press star."), ("#", "press the pound key.")])
    def test_the_usual_prompt_says_the_key(self, key, word):
        assert word in emergency_prompt(key)
        assert of({"emergency": {"to": SECOND, "key": key}}).emergency == Emergency(SECOND, key, emergency_prompt(key))


class TestBlockedAndWelcome:
    @pytest.mark.parametrize(("patterns", "caller", "is_blocked"), [
        ({CUSTOMER}, CUSTOMER, True), ({CUSTOMER}, SUPPLIER, False), ({"+1212*"}, CUSTOMER, True),
        ({"+1213*"}, CUSTOMER, False),
        ({CUSTOMER + "*"}, CUSTOMER, True), ({CUSTOMER[:-1]}, CUSTOMER, False), ({"+1*"}, "anonymous", False),
        ({"+1*"}, "", False),
        ({""}, "", False), (set(), CUSTOMER, False),
    ])  # fmt: skip
    def test_numbers_and_beginnings_are_turned_away(self, patterns, caller, is_blocked):
        assert (routed(rules(blocked=frozenset(patterns)), caller) == ("reject", "blocked")) is is_blocked

    @pytest.mark.parametrize(("blocked", "welcome", "kind"), [
        ("+1212*", CUSTOMER, "forward"), (CUSTOMER, "+1212*", "reject"), (CUSTOMER, CUSTOMER, "reject"),
        ("+1212*", "+1*", "reject"), ("+1*", "+1212*", "forward"), (CUSTOMER + "*", CUSTOMER, "forward"),
    ])  # fmt: skip
    def test_of_two_lists_the_more_exact_entry_counts_and_else_the_blocked(self, blocked, welcome, kind):
        assert routed(rules(blocked=frozenset({blocked}), welcome=frozenset({welcome})))[0] == kind

    @pytest.mark.parametrize("ruled", [
        {"hours": OFFICE}, {"hours": OFFICE, "emergency": Emergency(SECOND)}, {"suspect": "voicemail"},
    ])  # fmt: skip
    def test_who_is_welcome_is_put_through_whatever_the_rules_say(self, ruled):
        stands = rules(welcome=frozenset({CUSTOMER}), **ruled)
        assert routed(stands, now=NIGHT, stir=FAILED) == ("forward", "")
        assert routed(stands, caller=SUPPLIER, now=NIGHT, stir=FAILED)[0] != "forward"


WITHHELD_FORMS = ["", " ", "anonymous", "Anonymous", "ANONYMOUS", "Restricted", "RESTRICTED", "unavailable", "Unknown",
                  "private", "+266696687", "266696687", " 266696687", "+7378742833", "+86282452253", "+8656696",
                  "+anonymous",
                  "sip:anonymous@anonymous.invalid", "sip:Anonymous@gateway.example.com"]  # fmt: skip


class TestWithheld:
    @pytest.mark.parametrize("caller", WITHHELD_FORMS)
    @pytest.mark.parametrize(("said", "kind"), [("ring", "forward"), ("voicemail", "voicemail"), ("reject", "reject")])
    def test_whoever_does_not_say_who_he_is_is_treated_as_it_is_said(self, caller, said, kind):
        assert routed(rules(withheld=said), caller) == (kind, "" if kind == "forward" else "withheld")

    @pytest.mark.parametrize("caller", [CUSTOMER, " 12125550142", "2125550142", "911", "client:reception",
                                        "sip:ann@example.com", "sips:ann@example.com", "+15555555555555"])  # fmt: skip
    def test_whoever_says_it_in_any_form_withholds_nothing(self, caller):
        assert not is_withheld(caller)
        assert routed(rules(withheld="reject"), caller) == ("forward", "")


STIR = [f"{verdict}{suffix}" for verdict, suffix in product(
    ["TN-Validation-Passed-A", "TN-Validation-Passed-B", "TN-Validation-Passed-C", "TN-Validation-Failed-A",
     "TN-Validation-Failed-B", "TN-Validation-Failed-C", "TN-Validation-Failed", "No-TN-Validation"],
    ["", "-Diverted", "-Passthrough"])] + ["NULL", "", "of another age"]  # fmt: skip


class TestStir:
    @pytest.mark.parametrize("verdict", STIR)
    def test_a_verdict_counts_where_it_failed_whatever_follows_it(self, verdict):
        assert is_suspect(verdict) is ("Failed" in verdict)
        kind = "voicemail" if "Failed" in verdict else "forward"
        assert routed(rules(suspect="voicemail"), stir=verdict)[0] == kind

    @pytest.mark.parametrize("verdict", STIR)
    def test_by_default_no_verdict_keeps_a_call_from_ringing(self, verdict):
        assert routed(rules(), stir=verdict) == ("forward", "")


class TestOutOfService:
    @pytest.mark.parametrize("status", ["suspended", "released"])
    def test_whoever_calls_a_number_that_is_out_of_service_is_still_answered_and_nobody_is_rung(self, status):
        ruled = rules(hours=OFFICE, emergency=Emergency(SECOND), welcome=frozenset({CUSTOMER}))
        for now in (NOON, NIGHT):
            assert routed(ruled, now=now, status=status) == ("voicemail", "suspended")

    @pytest.mark.parametrize("status", [None, "unknown", "provisioning", "provisioned", "active", "of another age"])
    def test_any_other_status_is_as_none(self, status):
        assert routed(rules(), status=status) == ("forward", "")

    def test_who_is_blocked_is_turned_away_there_too(self):
        assert routed(rules(blocked=frozenset({CUSTOMER})), status="suspended") == ("reject", "blocked")


class TestWhomToRing:
    THREE = Routing(targets=(Target(OWNER), Target(SECOND, 30), Target("client:desk")), fallback_to=THIRD)

    def test_one_after_the_other_and_then_the_fallback(self):
        assert steps(self.THREE, CUSTOMER) == [
            (Target(OWNER),), (Target(SECOND, 30),), (Target("client:desk"),), (Target(THIRD),),
        ]  # fmt: skip

    def test_at_once_and_then_the_fallback(self):
        assert steps(replace(self.THREE, strategy="at_once"), CUSTOMER) == [self.THREE.targets, (Target(THIRD),)]

    @pytest.mark.parametrize("strategy", get_args(Strategy))
    def test_nobody_is_no_step(self, strategy):
        assert steps(Routing(strategy=strategy), CUSTOMER) == []

    @pytest.mark.parametrize("strategy", get_args(Strategy))
    @pytest.mark.parametrize(("caller", "forwarded_from"), [(OWNER, ""), (CUSTOMER, OWNER)])
    def test_neither_the_phone_that_calls_nor_the_one_that_sent_the_call_on_is_rung(
        self, strategy, caller, forwarded_from
    ):
        rung = steps(replace(self.THREE, strategy=strategy), caller, forwarded_from)
        assert sorted(target.to for group in rung for target in group) == sorted([SECOND, THIRD, "client:desk"])

    @pytest.mark.parametrize("ruled", [forwards(OWNER), Routing(fallback_to=OWNER), forwards(OWNER, fallback_to=OWNER)])
    def test_with_only_ones_own_phone_to_ring_there_is_voicemail(self, ruled):
        assert routed(ruled, caller=OWNER) == ("voicemail", "own_phone")
        assert routed(ruled, forwarded_from=OWNER) == ("voicemail", "own_phone")

    def test_a_preview_says_whom_and_how_long(self):
        number = Number(BUSINESS, "t", replace(self.THREE, hours=OFFICE, emergency=Emergency(SECOND)))
        shown = preview(number, Caller(CUSTOMER), NOON)
        assert [[(each.to, each.ring_s) for each in group] for group in shown.rings] == [
            [(OWNER, 20)], [(SECOND, 30)], [("client:desk", 20)], [(THIRD, 20)],
        ]  # fmt: skip
        closed = preview(number, Caller(CUSTOMER), NIGHT)
        assert (closed.route.kind, [[each.to for each in group] for group in closed.rings]) == ("menu", [[SECOND]])
        assert preview(number, Caller(SECOND), NIGHT).rings == []


class TestDocument:
    @pytest.mark.parametrize("said", [
        {"targets": 7}, {"targets": [7]}, {"targets": [{}]}, {"targets": [{"to": 7}]}, {"ring_s": "long"}, {"ring_s": 4},
        {"targets": [{"to": OWNER, "ring_s": 601}]}, {"strategy": "by mood"}, {"withheld": None}, {"suspect": "reject"},
        {"caller_id": "x"}, {"screening": []}, {"recording": {"mode": "perhaps"}}, {"recording": 7}, {"blocked": [7]},
        {"hours": {"zone": "Mars/Base", "week": {}}}, {"hours": {"zone": "UTC"}}, {"hours": []}, {"emergency": {}},
        {"hours": {"zone": "UTC", "week": {"mon": [["09:00"]]}}}, {"hours": {"zone": "UTC", "week": {"mon": [["9", "10"]]}}},
        {"hours": {"zone": "UTC", "week": {}, "closed_on": ["soon"]}}, {"greeting": None}, {"language": 7}, [],
    ])  # fmt: skip
    def test_what_is_no_routing_is_a_value_error(self, said):
        with pytest.raises(ValueError, match=r"."):
            of(said)

    def test_what_is_left_out_is_as_by_default(self):
        assert of({}) == Routing()
        assert of({"targets": [{"to": OWNER}]}) == forwards(OWNER)

    def test_what_a_newer_release_has_added_does_not_lose_the_phones(self):
        said = {"targets": [{"to": OWNER, "whisper": "x"}], "music": "jazz", "recording": {"mode": "on", "channels": 2},
                "emergency": {"to": SECOND, "again": 3}, "hours": {"zone": "UTC", "week": {}, "siesta": True}}  # fmt: skip
        assert of(said).targets == (Target(OWNER),)
        assert (of(said).recording.is_on, of(said).emergency) == (True, Emergency(SECOND))


numbers_of_phones = st.one_of(
    st.sampled_from([BUSINESS, OWNER, SECOND, CUSTOMER, "sip:ann@example.com", "client:desk"]),
    st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True),
)
patterns = st.frozensets(
    st.one_of(numbers_of_phones, st.from_regex(r"\+[1-9][0-9]{0,5}\*", fullmatch=True)), max_size=4
)
ring = st.integers(5, 600)
routings = st.builds(
    Routing,
    targets=st.lists(st.builds(Target, numbers_of_phones, st.none() | ring), max_size=MOST_TARGETS).map(tuple),
    strategy=st.sampled_from(get_args(Strategy)), ring_s=ring, hours=st.none() | any_hours,
    fallback_to=st.none() | numbers_of_phones, caller_id=st.sampled_from(get_args(CallerId)),
    screening=st.sampled_from(get_args(Screening)), voicemail=st.booleans(), greeting=st.text(min_size=1, max_size=50),
    closed_greeting=st.none() | st.text(max_size=9), language=st.sampled_from(["en-US", "es-MX"]),
    voice=st.none() | st.just("Polly.Joanna"), blocked=patterns, welcome=patterns,
    withheld=st.sampled_from(get_args(Withheld)), suspect=st.sampled_from(get_args(Suspect)),
    emergency=st.none() | st.builds(Emergency, numbers_of_phones, st.sampled_from("0123456789*#"), st.text(max_size=9)),
    recording=st.builds(RecordingPolicy, st.sampled_from(get_args(RecordingMode)), st.sampled_from(get_args(ConsentWay))),
)  # fmt: skip
callers = st.one_of(numbers_of_phones, st.sampled_from(WITHHELD_FORMS), st.text(max_size=20))


@given(routings)
def test_a_document_is_read_back_as_what_was_written(written):
    assert of(document(written)) == written


@given(
    routings,
    st.builds(Caller, callers, st.sampled_from(STIR) | st.text(max_size=9), callers),
    any_moment,
    st.sampled_from([None, "active", "suspended", "released", "x"]),
)
def test_every_call_has_an_answer_and_a_reason(written, caller, now, status):
    found = route(Number(BUSINESS, "t", written, status=status), caller, now)
    assert found.kind in get_args(RouteKind)
    assert found.reason in get_args(Reason)
    assert (found.reason == "") == (found.kind == "forward")
    rung = steps(written, caller.number, caller.forwarded_from)
    if found.kind == "forward":
        assert rung
    assert all(group and len(group) <= MOST_TARGETS for group in rung)
    assert not {target.to for group in rung for target in group} & {caller.number, caller.forwarded_from}
    if found.kind == "reject":
        assert found.reason in ("blocked", "withheld")
