import copy
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import data, recipients
from shared.domain import call_notes, law
from shared.domain.recipient import TERRITORIES
from shared.domain.recording_law import Consent, consent_for, flags, recall
from shared.domain.routing import RecordingPolicy

LAW = law.read(data.read("law_us"))
TABLE = data.read("law_us")["recording_consent"]
NEW_YORK, CALIFORNIA, ALASKA, OREGON = "+12125550142", "+14155552671", "+19075550100", "+15035550100"
TOLL_FREE, CANADA, GERMANY, BRITAIN, JAMAICA = (
    "+18005550123", "+14165550100", "+4930123456", "+442083661177", "+18765550100",
)  # fmt: skip
WITHHELD, CLIENT = "anonymous", "client:anna"
NUMBERS = (
    NEW_YORK, CALIFORNIA, ALASKA, OREGON, TOLL_FREE, CANADA, GERMANY, BRITAIN, JAMAICA, WITHHELD, CLIENT, "+17875550100",
    "+80012345678", "+266696687", "",
)  # fmt: skip
ALL_PARTY = {"CA", "CT", "DE", "FL", "IL", "MA", "MD", "MI", "MT", "NH", "NV", "PA", "WA"}

parties = st.lists(st.sampled_from(NUMBERS), max_size=5)
policies = st.builds(RecordingPolicy, st.just("on"), st.sampled_from(["announce", "press", "law"]))


def asked(*numbers, consent="law", under=LAW):
    return consent_for(RecordingPolicy("on", consent), under, [recipients.of(number) for number in numbers])


def changed(**parts):
    """The built-in law with parts of its table set otherwise; a part that is None is left out."""
    document = copy.deepcopy(data.read("law_us"))
    table = document["recording_consent"] | parts
    document["recording_consent"] = {name: part for name, part in table.items() if part is not None}
    return document


def test_every_state_the_capital_and_every_territory_has_a_rule():
    assert set(TABLE["states"]) == set(data.read("area_codes_us")["states"]) | TERRITORIES
    assert {
        state for state, rule in LAW.recording.states.items() if rule.rule == "all-party"
    } == ALL_PARTY | TERRITORIES
    assert all(rule["basis"] and rule["confidence"] for rule in TABLE["states"].values())
    assert all(
        rule["basis"] and rule["confidence"]
        for rule in (TABLE["federal"], TABLE["unknown_state"], TABLE["elsewhere"], *TABLE["outside_us"].values())
    )


@pytest.mark.parametrize(
    ("numbers", "rule", "states"),
    [
        ([NEW_YORK], "one-party", ("NY",)),
        ([NEW_YORK, ALASKA, OREGON], "one-party", ("AK", "NY", "OR")),
        ([NEW_YORK, CALIFORNIA, ALASKA], "all-party", ("CA",)),
        ([CALIFORNIA, "+13055550123"], "all-party", ("CA", "FL")),
        ([NEW_YORK, TOLL_FREE], "all-party", ("?",)),
        ([NEW_YORK, WITHHELD], "all-party", ("?",)),
        ([NEW_YORK, "+266696687"], "all-party", ("?",)),
        ([NEW_YORK, CLIENT], "all-party", ("?",)),
        ([NEW_YORK, "sip:desk@pbx.example.com"], "all-party", ("?",)),
        ([NEW_YORK, "+80012345678"], "all-party", ("?",)),
        ([], "all-party", ("?",)),
        ([NEW_YORK, "+17875550100"], "all-party", ("PR",)),
        ([NEW_YORK, CANADA], "all-party", ("CA-country",)),
        ([NEW_YORK, GERMANY, BRITAIN], "all-party", ("DE-country", "GB-country")),
        ([NEW_YORK, JAMAICA], "all-party", ("JM-country",)),
    ],
)
def test_the_strictest_law_of_all_parties_decides(numbers, rule, states):
    told = asked(*numbers)
    assert (told.rule, told.states) == (rule, states)
    assert told.way == ("none" if rule == "one-party" else "announce")


def test_every_state_that_an_area_code_may_lie_in_counts():
    party = replace(recipients.of(NEW_YORK), states=("NY", "CT"))
    assert consent_for(RecordingPolicy("on", "law"), LAW, [party]).states == ("CT",)


def test_the_federal_law_is_named_first_and_each_statute_once():
    assert asked(NEW_YORK, CALIFORNIA, "+13105550100").basis == (
        "18 U.S.C. 2511(2)(d)", "Cal. Penal Code 632, 632.7; damages 637.2",
    )  # fmt: skip
    assert asked(NEW_YORK).basis == ("18 U.S.C. 2511(2)(d)", "NY Penal Law 250.00, 250.05")
    assert asked(GERMANY).basis == ("StGB s. 201",)


@pytest.mark.parametrize(
    ("consent", "one_party", "all_party"),
    [("law", "none", "announce"), ("announce", "announce", "announce"), ("press", "press", "press")],
)
def test_the_policy_counts_where_it_is_stricter_than_the_law(consent, one_party, all_party):
    assert asked(NEW_YORK, consent=consent).way == one_party
    assert asked(CALIFORNIA, consent=consent).way == all_party


def test_callers_are_told_unless_somebody_says_otherwise():
    assert consent_for(RecordingPolicy(), LAW, [recipients.of(NEW_YORK)]).way == "announce"


STRICTNESS = {"none": 0, "announce": 1, "press": 2, "one-party": 0, "all-party": 1}


@given(policies, parties, st.sampled_from(NUMBERS))
def test_one_more_party_never_loosens_what_is_asked(policy, numbers, another):
    before = consent_for(policy, LAW, [recipients.of(number) for number in numbers or [another]])
    after = consent_for(policy, LAW, [recipients.of(number) for number in [*numbers, another]])
    assert STRICTNESS[after.way] >= STRICTNESS[before.way]
    assert STRICTNESS[after.rule] >= STRICTNESS[before.rule]


@given(policies, parties, st.randoms())
def test_the_order_and_the_repetition_of_parties_do_not_matter(policy, numbers, random):
    shuffled = [*numbers, *numbers[:2]]
    random.shuffle(shuffled)
    assert asked(*numbers, consent=policy.consent) == asked(*shuffled, consent=policy.consent)


def test_every_order_of_a_few_parties_ends_the_same():
    some = (NEW_YORK, CALIFORNIA, TOLL_FREE, GERMANY)
    assert len({asked(*order) for order in permutations(some)}) == 1


@given(policies, parties)
def test_a_note_brings_the_decision_back(policy, numbers):
    told = asked(*numbers, consent=policy.consent)
    noted = call_notes.read(call_notes.build("consent", step=1, **flags(told)))
    assert recall(noted.flags, LAW) == told


@pytest.mark.parametrize(
    "noted",
    [{}, {"way": "none"}, {"way": "shout", "law": "one-party", "states": "NY"}, {"way": "none", "law": "all-party"}],
)
def test_a_note_of_no_decision_brings_none_back(noted):
    assert recall(noted, LAW) is None


def test_what_is_stored_is_plain_json():
    assert asked(NEW_YORK, CALIFORNIA).as_json() == {
        "way": "announce",
        "rule": "all-party",
        "states": ["CA"],
        "basis": ["18 U.S.C. 2511(2)(d)", "Cal. Penal Code 632, 632.7; damages 637.2"],
    }


def test_another_table_brings_another_outcome():
    one = TABLE["states"] | {"CA": {"rule": "one-party"}, "NY": {"rule": "all-party", "basis": "Section 1"}}
    other = law.read(changed(states=one))
    assert asked(CALIFORNIA, under=other) == Consent("none", "one-party", ("CA",), ("18 U.S.C. 2511(2)(d)",))
    assert asked(NEW_YORK, under=other).basis == ("18 U.S.C. 2511(2)(d)", "Section 1")
    strict = law.read(changed(federal={"rule": "all-party"}))
    assert (asked(NEW_YORK, under=strict).rule, asked(NEW_YORK, under=strict).states) == ("all-party", ("US",))
    lenient = law.read(changed(unknown_state={"rule": "one-party"}, outside_us={}, elsewhere={"rule": "one-party"}))
    assert {asked(number, under=lenient).rule for number in (TOLL_FREE, WITHHELD, CANADA)} == {"one-party"}


def test_a_state_that_a_table_leaves_out_counts_as_unknown():
    told = asked(NEW_YORK, under=law.read(changed(states={})))
    assert (told.rule, told.states) == ("all-party", ("NY",))


def test_without_a_table_everybody_must_agree_everywhere():
    document = changed()
    del document["recording_consent"]
    bare = law.read(document)
    assert {asked(number, under=bare).rule for number in NUMBERS} == {"all-party"}
    assert bare.binds == LAW.binds


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"states": {"CA": {"rule": "two-party"}}}, "recording in CA.*two-party"),
        ({"states": {"CT": {"rule": "mixed"}}}, "recording in CT: mixed must say"),
        ({"states": {"CT": {"rule": "mixed", "counts_as": "notice"}}}, "recording in CT"),
        ({"federal": {"rule": "one-party", "basis": 18}}, "recording in US: 18 is no text"),
        ({"outside_us": {"DE": {"basis": "StGB"}}}, "form"),
        ({"states": None}, "form"),
        ({"unknown_state": None}, "form"),
        ({"states": ["CA"]}, "form"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused_with_the_place(parts, says):
    with pytest.raises(ValueError, match=says):
        law.read(changed(**parts))
