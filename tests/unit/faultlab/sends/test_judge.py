"""The judge of sending, on ledgers written by hand: each rule is seen to hold, and to be broken by one change."""

from dataclasses import replace

import pytest

from ops.faultlab.checker import Violation
from ops.faultlab.sends.judge import GRACE_S, KNOWN_WITHIN_S, ends, sha256_of, violations
from ops.faultlab.sends.told import Asked, Case, Stopped, Taken, Text

SENDER, PERSON = "+14155550100", "+12125550101"
SECOND = 1_000_000_000


def asked(key: str, message_id: str, **more) -> Asked:
    return replace(Asked(key, "http", SENDER, PERSON, f"words of {key}", "ok", message_id), **more)


def text(key: str, message_id: str, **more) -> Text:
    return replace(Text(message_id, key, SENDER, PERSON, f"words of {key}", "handed", f"SM{key}"), **more)


def taken(key: str, message_id: str, **more) -> Taken:
    entry = Taken(f"SM{key}", message_id, SENDER, PERSON, sha256_of(f"words of {key}"), 1, 0, "delivered")
    return replace(entry, **more)


# One that was sent, one that Twilio refused, one that nobody was promised and that was sent all the same.
ASKED = [asked("a", "1"), asked("b", "2"), asked("c", "", outcome="perhaps")]
TEXTS = [text("a", "1"), text("b", "2", state="refused", sid="", reason="21610"), text("c", "3")]
LEDGER = [taken("a", "1"), taken("c", "3", at_ns=2 * SECOND)]
KEPT = Case(ASKED, TEXTS, LEDGER, rates={SENDER: 1.0})


def broken(**change) -> list[tuple[int, str]]:
    return [(found.rule, found.what) for found in violations(replace(KEPT, **change))]


def test_a_house_that_kept_its_promises_is_found_to_have():
    assert violations(KEPT) == []
    assert ends(KEPT) == {"handed": 2, "refused: 21610": 1}


def test_work_that_is_still_due_is_a_broken_promise():
    assert broken(owed="2 jobs sms.send") == [(0, "still owed when the waiting ended: 2 jobs sms.send")]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"texts": TEXTS[1:], "ledger": LEDGER[1:]}, "LOST: accepted, and nowhere"),
        ({"ledger": LEDGER[1:]}, "LOST: said to be with Twilio, which has never seen it"),
        ({"texts": [TEXTS[0], replace(TEXTS[1], state="unknown"), TEXTS[2]]}, "LOST: left as unknown"),
        ({"texts": [TEXTS[0], replace(TEXTS[1], reason=""), TEXTS[2]]}, "refused without a reason"),
        ({"texts": [*TEXTS, replace(TEXTS[1], id="9")]}, "2 texts under one key"),
        ({"asked": [ASKED[0], replace(ASKED[1], message_id="7"), ASKED[2]]}, "answered with 7, stored as 2"),
    ],
)
def test_what_was_accepted_is_sent_or_has_ended_with_a_reason(change, what):
    assert (1, what) in broken(**change)
    assert {rule for rule, _ in broken(**change)} == {1}


def test_a_text_that_was_never_promised_may_be_nowhere():
    assert broken(texts=TEXTS[:2], ledger=LEDGER[:1]) == []


def test_what_redis_forgot_of_the_queue_was_no_promise_yet():
    queued = [replace(ASKED[0], door="queue", done_ns=100 * SECOND), *ASKED[1:]]
    gone = {"asked": queued, "texts": TEXTS[1:], "ledger": LEDGER[1:]}
    assert broken(**gone) == [(1, "LOST: accepted, and nowhere")]
    for forgotten_ns in (94 * SECOND, 139 * SECOND):
        assert broken(**gone, forgotten_ns=[forgotten_ns]) == []
    for forgotten_ns in (92 * SECOND, 141 * SECOND):
        assert broken(**gone, forgotten_ns=[forgotten_ns]) == [(1, "LOST: accepted, and nowhere")]
    # Once there is a row it is judged as any other.
    assert broken(asked=queued, ledger=LEDGER[1:], forgotten_ns=[100 * SECOND]) != []


def test_two_messages_for_one_text_are_one_too_many_whatever_their_sids():
    again = taken("a", "1", sid="SMother", at_ns=9 * SECOND)
    assert (2, "TWICE: Twilio took it 2 times") in broken(ledger=[again, *LEDGER])
    # The same words to the same person are another matter: here two texts were asked for.
    twin = [
        asked("d", "4", body="words of a"),
        text("d", "4", body="words of a"),
        taken("d", "4", body_sha256=LEDGER[0].body_sha256),
    ]
    ledger = [*LEDGER, replace(twin[2], at_ns=5 * SECOND)]
    assert broken(asked=[*ASKED, twin[0]], texts=[*TEXTS, twin[1]], ledger=ledger) == []


@pytest.mark.parametrize(
    ("ledger", "what"),
    [
        (taken("x", "8"), "PHANTOM: nobody asked for it"),
        (taken("x", ""), "PHANTOM: nobody asked for it"),
        (taken("a", "1", body_sha256=sha256_of("others")), "Twilio got another text than was asked for"),
        (taken("a", "1", to=SENDER), "Twilio got another text than was asked for"),
        (taken("a", "1", sender=PERSON), "Twilio got another text than was asked for"),
    ],
)
def test_nothing_is_sent_that_nobody_asked_for(ledger, what):
    others = [entry for entry in LEDGER if entry.message_id != ledger.message_id]
    assert broken(ledger=[*others, ledger]) == [(3, what)]


def test_what_was_refused_is_not_sent():
    assert broken(asked=[replace(ASKED[0], outcome="no"), *ASKED[1:]]) == [(3, "refused, and sent")]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"state": "refused", "reason": "expired"}, "said to be refused, and Twilio has it"),
        ({"sid": "SMwrong"}, "kept as SMwrong, at Twilio it is SMa"),
        ({"status": "delivered"}, "said to be delivered, at Twilio it is sent"),
    ],
)
def test_what_we_say_of_a_text_is_what_twilio_says(change, what):
    ledger = [replace(LEDGER[0], status="sent"), LEDGER[1]]
    assert broken(texts=[replace(TEXTS[0], **change), *TEXTS[1:]], ledger=ledger) == [(4, what)]


def test_a_doubt_that_is_left_to_a_person_may_be_with_twilio_or_not():
    parked = replace(TEXTS[0], state="parked", sid="", reason="no_answer")
    assert broken(texts=[parked, *TEXTS[1:]]) == broken(texts=[parked, *TEXTS[1:]], ledger=LEDGER[1:]) == []


def test_nobody_is_texted_who_has_said_stop_but_for_what_was_on_its_way():
    stop = Stopped(PERSON, SENDER, 0, known_ns=SECOND)
    soon = [LEDGER[0], replace(LEDGER[1], at_ns=int((1 + GRACE_S) * SECOND))]
    assert broken(stops=[stop], ledger=soon) == []
    late = [LEDGER[0], replace(LEDGER[1], at_ns=int((2 + GRACE_S) * SECOND))]
    assert broken(stops=[stop], ledger=late) == [(5, f"sent {GRACE_S + 1:.1f} s after its STOP was known")]
    # He has said it to one of our numbers; another sender is not meant.
    assert broken(stops=[replace(stop, sender="+14155550177")], ledger=late) == []


def test_a_stop_is_known_soon_after_it_was_acknowledged():
    told = (5, f"a STOP that was not known {KNOWN_WITHIN_S:g} s after it was acknowledged")
    assert broken(stops=[Stopped("+12125550199", SENDER, SECOND)]) == [told]
    late_ns = int((2 + KNOWN_WITHIN_S) * SECOND)
    assert broken(stops=[Stopped("+12125550199", SENDER, SECOND, known_ns=late_ns)]) == [told]


def test_a_sender_that_is_too_fast_is_found_in_the_short_and_in_the_long_run():
    at_once = [taken(f"k{n}", f"m{n}", at_ns=n * SECOND // 10) for n in range(5)]
    case = Case(
        [asked(f"k{n}", f"m{n}") for n in range(5)],
        [text(f"k{n}", f"m{n}") for n in range(5)],
        at_once,
        rates={SENDER: 1},
    )
    assert violations(case) == [Violation(6, SENDER, "BURST: 5 segments within 1 s, 2 are allowed")]
    assert violations(replace(case, rates={SENDER: 5})) == []


def test_what_twilio_lost_may_be_sent_again_and_nothing_else():
    texts = [*TEXTS, text("a", "1b", sid="SMa2", retry_of="1")]
    for status, found in (("failed", []), ("undelivered", []), ("delivered", TWICE), ("sent", TWICE)):
        ledger = [replace(LEDGER[0], status=status), LEDGER[1], taken("a", "1b", sid="SMa2", at_ns=9 * SECOND)]
        assert broken(texts=texts, ledger=ledger) == found


TWICE = [(2, "TWICE: sent again, and the first was not lost")]
