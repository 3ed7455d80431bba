"""The judge of calls, on books written by hand: each rule is seen to hold, and to be broken by one change."""

from dataclasses import replace

import pytest

from ops.faultlab.calls.judge import expected, in_full, violations
from ops.faultlab.calls.lives import ANONYMOUS, KINDS, Life, lives
from ops.faultlab.calls.told import (
    Asked,
    Books,
    Case,
    Dialled,
    Kept,
    Line,
    Notice,
    Placing,
    Posted,
    Rang,
    Step,
    Wished,
)

NAMED = {kind.name: kind for kind in KINDS}
# One missed call, one that was answered and ended by a client, and one that a client has placed.
MISSED, ANSWERED, PLACED = Life(0, 0, NAMED["busy"]), Life(0, 1, NAMED["ended by a client"]), Life(0, 2, None)
LIVES = [MISSED, ANSWERED, PLACED]
PAIR = (MISSED.business, MISSED.customer)
POSTED = [
    Posted("t1", "voice", "CAm", "ringing", True),
    Posted("t2", "call-status", "CAml", "busy", True),
    Posted("t3", "dial-action", "CAm", "busy", True),
    Posted("t4", "call-status", "CAm", "completed", True),
    Posted("t5", "voice", "CAa", "ringing", True),
    Posted("t6", "dial-action", "CAa", "completed", True),
    Posted("t7", "call-status", "CAa", "completed", True),
]
LINES = {
    "CAm": Line("CAm", "completed", True, legs=[Line("CAml", "busy", True)]),
    "CAa": Line("CAa", "completed", True, is_bridged=True),
}
ASKED = [
    Asked("CAm", "incoming", True, 10.0),
    Asked("CAm", "missed", True, 11.0),
    Asked("CAa", "incoming", True, 11.5),
]
STEPS = frozenset(
    {Step("CAm", "incoming", "forward"), Step("CAml", "status", "busy"), Step("CAm", "dial", "CAml"),
     Step("CAm", "status", "completed"), Step("CAm", "decided", ""), Step("CAa", "incoming", "forward"),
     Step("CAa", "dial", "CAx"), Step("CAa", "status", "completed"), Step("CAa", "decided", "")}
)  # fmt: skip
CALLS = {
    "CAm": Kept("CAm", None, "completed", "missed", "wanted"),
    "CAml": Kept("CAml", "CAm", "busy"),
    "CAa": Kept("CAa", None, "completed", "answered"),
}
NOTICES = [
    Notice("n1", "call.incoming", "CAm"),
    Notice("n2", "call.completed", "CAm"),
    Notice("n3", "call.missed", "CAm"),
    Notice("n4", "call.completed", "CAa"),
]
BOOKS = Books(
    CALLS, STEPS, frozenset(one.token for one in POSTED), [Placing("p1", PLACED.customer, "placed", "CAp")],
    {"w1": "done"}, NOTICES,
)  # fmt: skip
WISHED = [Wished("place", 2, "", "ok", "p1"), Wished("end", 1, "CAa", "ok")]
KEPT = Case([Rang("CAm", 0), Rang("CAa", 1)], WISHED, POSTED, LINES, [PAIR], ASKED, [Dialled("p1", "CAp", "")], BOOKS)


def broken(*, books: dict | None = None, **change) -> list[tuple[int, str]]:
    case = replace(KEPT, **change)
    if books is not None:
        case = replace(case, books=replace(BOOKS, **books))
    return [(found.rule, found.what) for found in violations(case, LIVES)]


def kept(sid: str, **change) -> dict:
    return {"calls": {**CALLS, sid: replace(CALLS[sid], **change)}}


def test_a_house_that_kept_its_promises_is_found_to_have():
    assert violations(KEPT, LIVES) == []
    assert in_full(KEPT, LIVES) == 2


def test_work_that_is_still_due_is_a_broken_promise():
    assert broken(owed="2 jobs as-call") == [(0, "still owed when the waiting ended: 2 jobs as-call")]


@pytest.mark.parametrize(
    ("books", "what"),
    [
        ({"tokens": BOOKS.tokens - {"t3"}}, "LOST: its dial-action busy was acknowledged, and is no event"),
        ({"steps": STEPS - {Step("CAm", "dial", "CAml")}}, "its timeline lacks the dial-action busy"),
        ({"steps": STEPS - {Step("CAml", "status", "busy")}}, "its timeline lacks the call-status busy"),
        (kept("CAml", parent=None), "is a leg of None, at Twilio of CAm"),
        (kept("CAml", status="ringing"), "is ringing, at Twilio busy"),
        (
            {"calls": {sid: call for sid, call in CALLS.items() if sid != "CAml"}},
            "it has ended, and is no call of ours",
        ),
    ],
)
def test_what_was_acknowledged_is_kept_with_every_leg_and_step(books, what):
    assert broken(books=books) == [(1, what)]


def test_a_call_is_decided_as_it_went():
    assert (2, "is missed, and was answered (ended by a client)") in broken(
        books=kept("CAa", decision="missed", text_back="wanted")
    )
    assert (2, "is None, and was answered (ended by a client)") in broken(books=kept("CAa", decision=None))
    assert broken(books={"steps": STEPS - {Step("CAa", "decided", "")}}) == [(2, "its timeline lacks the decision")]


def test_what_was_never_acknowledged_excuses_a_wrong_decision_and_not_a_missing_one():
    posted = [replace(one, is_acked=one.token != "t6") for one in POSTED]
    wrong = broken(posted=posted, books=kept("CAa", decision="screened"))
    assert not [what for rule, what in wrong if rule == 2]
    assert (2, "has ended, and was never decided") in broken(posted=posted, books=kept("CAa", decision=None))


def test_the_end_of_a_leg_is_not_the_end_of_its_call():
    posted = [replace(one, is_acked=one.token != "t7") for one in POSTED]
    goes_on = kept("CAa", status="in-progress", decision="answered")
    untold = {"steps": STEPS - {Step("CAa", "status", "completed")}, "notices": NOTICES[:3]}
    assert broken(posted=posted, books={**goes_on, **untold}) == []


@pytest.mark.parametrize(
    ("life", "line", "what"),
    [
        (Life(0, 0, NAMED["answered"]), Line("CA", "completed", True, is_bridged=True), "answered"),
        (Life(0, 0, NAMED["heard a machine"]), Line("CA", "completed", True, is_bridged=True), "missed"),
        (Life(0, 0, NAMED["a machine presses nothing"]), Line("CA", "completed", True), "missed"),
        (Life(0, 0, NAMED["blocked"]), Line("CA", "busy", True, is_rejected=True), "screened"),
    ],
)
def test_how_a_call_went_is_what_its_people_did(life, line, what):
    assert expected(life, line) == what


def test_a_missed_call_brings_its_caller_one_text():
    assert broken(texts=[PAIR, PAIR]) == [(3, "TWICE: 2 texts")]
    assert broken(texts=[]) == [(3, "missed, and NEVER TEXTED")]
    assert broken(texts=[PAIR, (ANSWERED.business, ANSWERED.customer)]) == [(3, "texted, and no text was due")]
    assert (3, "its text is said to be landline, it is due") in broken(books=kept("CAm", text_back="landline"))


def test_of_two_missed_calls_of_one_person_one_brings_a_text():
    again = {"rang": [*KEPT.rang, Rang("CAn", 0)], "lines": {**LINES, "CAn": Line("CAn", "completed", True)}}
    said = {"calls": {**CALLS, "CAn": Kept("CAn", None, "completed", "missed", "wanted")}}
    assert (3, "2 texts are wanted of 2 missed calls") in broken(**again, books=said)
    cooling = {"calls": {**CALLS, "CAn": Kept("CAn", None, "completed", "missed", "cooldown")}}
    assert not [what for rule, what in broken(**again, books=cooling) if rule == 3]


def test_who_shows_no_number_is_told_to_nobody_as_a_text():
    nameless = [Life(0, 0, NAMED["shows no number"]), *LIVES[1:]]
    case = replace(KEPT, texts=[], asked=ASKED[2:], books=replace(BOOKS, **kept("CAm", text_back="withheld")))
    assert nameless[0].customer == ANONYMOUS
    assert violations(case, nameless) == []
    assert [found.rule for found in violations(replace(case, texts=[(MISSED.business, ANONYMOUS)]), nameless)] == [3]


def test_as_call_service_hears_of_a_call_before_of_its_being_missed():
    what = "as-call-service was told that it was missed before it had heard of it"
    assert broken(asked=[ASKED[1], ASKED[0], ASKED[2]]) == [(4, what)]
    refused = [replace(ASKED[0], is_taken=False), ASKED[1], ASKED[2]]
    assert (4, what) in broken(asked=refused)
    assert broken(asked=ASKED[::2]) == [(4, "missed NEVER told")]
    assert (4, "missed told, and no text is wanted") in broken(asked=[*ASKED, Asked("CAa", "missed", True, 12.0)])


def test_what_was_taken_is_told_again_only_in_trouble():
    again = [*ASKED, replace(ASKED[1], at_s=20.0)]
    told = [(4, "missed was told again, after it had been taken")]
    assert broken(asked=again) == told
    assert broken(asked=again, broken_s=[(12.0, 13.0)]) == []
    assert broken(asked=again, broken_s=[(5.0, 8.0), (21.0, 22.0)]) == told
    assert broken(asked=[*ASKED, replace(ASKED[1], at_s=90.0)], broken_s=[(12.0, 13.0)]) == told
    # An answer that was lost is none.
    assert broken(asked=[ASKED[0], replace(ASKED[1], is_taken=False), *again[1:3]]) == []


def test_subscribers_are_told_once():
    assert broken(books={"notices": NOTICES[:2] + NOTICES[3:]}) == [(5, "call.missed NEVER told")]
    twice = [*NOTICES, replace(NOTICES[2], id="n9")]
    assert broken(books={"notices": twice}) == [(5, "call.missed was told under 2 webhook-ids")]
    early = [*NOTICES, Notice("n9", "call.missed", "CAa")]
    assert broken(books={"notices": early}) == [(5, "call.missed told, and it was not decided so")]
    assert broken(books={"notices": [replace(NOTICES[0], contents=2), *NOTICES[1:]]}) == [
        (5, "call.incoming: one webhook-id, different contents, or no signature")
    ]
    assert broken(books={"notices": NOTICES[:3]}) == [(5, "call.completed NEVER told")]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"dialled": [*KEPT.dialled, Dialled("p1", "CAq", "")]}, "TWICE: Twilio has placed it 2 times"),
        ({"dialled": [*KEPT.dialled, Dialled("p7", "CAq", "")]}, "PHANTOM: nobody asked for it"),
        ({"dialled": []}, "left as placed, and Twilio has never seen it"),
        ({"books": {"placed": []}}, "LOST: accepted, and nowhere"),
        ({"books": {"placed": [*BOOKS.placed, Placing("p2", PLACED.customer, "refused", "", "x")]}},
         "2 calls under one key"),
        ({"books": {"placed": [replace(BOOKS.placed[0], state="refused", sid="", reason="in_doubt")]}},
         "is refused , and Twilio has placed it as CAp"),
    ],
)  # fmt: skip
def test_a_placed_call_is_placed_once_or_has_ended_with_a_reason(change, what):
    assert (6, what) in broken(**change)


def test_what_was_accepted_to_be_done_to_a_live_call_is_done():
    going_on = {**LINES, "CAa": replace(LINES["CAa"], is_over=False)}
    assert broken(lines=going_on) == [(7, "was to be ended, and goes on")]
    sent = {"wished": [*WISHED, Wished("redirect", 0, "CAm", "ok", "w1")]}
    assert broken(**sent) == [(7, "is said to have been sent elsewhere, and Twilio knows nothing of it")]
    assert broken(**sent, books={"wishes": {"w1": "requested"}}) == [
        (7, "was to be sent elsewhere, and that is requested")
    ]
    assert broken(**sent, books={"wishes": {"w1": "overtaken"}}) == []


def test_of_a_service_without_books_only_what_others_saw_is_asked():
    assert violations(replace(KEPT, books=None), LIVES) == []
    assert [what for _, what in broken(texts=[PAIR, PAIR], dialled=[*KEPT.dialled] * 2, owed="x")][1:] == [
        "TWICE: 2 texts", "TWICE: Twilio has placed it 2 times",
    ]  # fmt: skip


def test_a_seed_repeats_its_lives_and_has_every_kind():
    first = lives(7, 120, 60.0)
    assert first == lives(7, 120, 60.0) != lives(8, 120, 60.0)
    assert {life.kind.name if life.kind else "" for life in first} == {*NAMED, ""}
    assert not [life for life in lives(7, 120, 60.0, with_slow=False) if life.kind and life.kind.is_slow]
    assert len({life.business for life in first}) == 120
