"""The judge, on histories written by hand: each rule is seen to hold, and to be broken by one change."""

from dataclasses import replace

import pytest

from ops.faultlab.checker import Case, Violation, decided_early, violations
from ops.faultlab.found import Found, Notice, Row, SetAside, ToldAsCall
from ops.faultlab.history import Try

CALL, TEXT, OURS = "CA" + "1" * 32, "SM" + "2" * 32, "SM" + "3" * 32
LEDGER, TEXTS = "ledger", "texts"


def tried(kind: str, key: str, *, outcome="ok", sha="aa", sent_ns=1_000, op=1, forged=False, poison="", **facts) -> Try:
    status = {"ok": 204, "fail": 403, "info": None}[outcome]
    return Try(op, 1, kind, key, "token", sha, sent_ns, sent_ns + 5_000_000, outcome, status, forged, poison, facts)


CALL_IN = tried("call-in", f"call-in:{CALL}", CallSid=CALL, CallStatus="ringing")
DIAL = tried("dial", f"dial:{CALL}:t", CallSid=CALL, CallStatus="in-progress", DialCallStatus="no-answer")
ENDED = tried("call-status", f"call-status:{CALL}:completed", CallSid=CALL, CallStatus="completed")
MSG_IN = tried("msg-in", f"msg-in:{TEXT}", MessageSid=TEXT)
SENT = tried("msg-status", f"msg-status:{OURS}:sent", MessageSid=OURS, MessageStatus="sent")
DELIVERED = tried("msg-status", f"msg-status:{OURS}:delivered", MessageSid=OURS, MessageStatus="delivered")
TRIES = [CALL_IN, DIAL, ENDED, MSG_IN, SENT, DELIVERED]


def notice(type_: str, sid: str, consumer=LEDGER, **more) -> Notice:
    return Notice(consumer, f"{consumer}/{type_}/{sid}", type_, sid, **more)


def row_of(entry: Try) -> Row:
    return Row(entry.key, entry.body_sha256)


NOTICES = [
    notice("call.incoming", CALL), notice("call.completed", CALL), notice("call.missed", CALL),
    notice("sms.received", TEXT), notice("sms.delivered", OURS), notice("sms.delivered", OURS, TEXTS, attempts=3),
]  # fmt: skip
GOOD = Found(
    rows=[row_of(entry) for entry in TRIES],
    notices=NOTICES,
    message_status={OURS: "delivered", TEXT: "received"},
    call_status={CALL: "completed"},
    told_as_call={CALL: ToldAsCall(1, 1)},
)  # fmt: skip


def judged(tries=TRIES, *, both_away_ns=(), **changes) -> list[Violation]:
    return violations(Case(tries, replace(GOOD, **changes), LEDGER, TEXTS, both_away_ns))


def rules(found: list[Violation]) -> set[int]:
    return {broken.rule for broken in found}


def rows_without(entry: Try) -> list[Row]:
    return [row for row in GOOD.rows if row.key != entry.key]


def notices_without(type_: str, consumer=LEDGER) -> list[Notice]:
    return [n for n in NOTICES if (n.type, n.consumer) != (type_, consumer)]


def test_a_house_that_kept_every_promise_passes():
    assert judged() == []


def test_what_is_still_owed_breaks_rule_0():
    assert rules(judged(owed="3 events in the inbox")) == {0}


@pytest.mark.parametrize("entry", TRIES)
def test_an_acknowledged_event_without_a_row_is_lost(entry):
    assert judged(rows=rows_without(entry)) == [Violation(1, entry.key, "LOST: acknowledged with 204, and nowhere")]


def test_an_acknowledged_event_with_two_rows_breaks_rule_1():
    assert rules(judged(rows=[*GOOD.rows, row_of(MSG_IN)])) == {1}


def test_a_row_with_a_body_that_was_not_sent_breaks_rule_1():
    assert rules(judged(rows=[*rows_without(MSG_IN), Row(MSG_IN.key, "bb")])) == {1}


def test_either_body_of_a_key_that_was_sent_with_two_will_do():
    assert judged([*TRIES, replace(MSG_IN, body_sha256="bb")]) == []
    assert (
        judged([*TRIES, replace(MSG_IN, body_sha256="bb")], rows=[*rows_without(MSG_IN), Row(MSG_IN.key, "bb")]) == []
    )


def test_a_retry_that_was_acknowledged_is_a_promise_though_the_first_try_was_not():
    tries = [replace(MSG_IN, outcome="info", http_status=503), replace(MSG_IN, attempt=2)]
    assert Violation(1, MSG_IN.key, "LOST: acknowledged with 204, and nowhere") in judged(
        [*tries, *TRIES[:3], *TRIES[4:]], rows=rows_without(MSG_IN)
    )


def test_a_row_that_nobody_sent_breaks_rule_2():
    assert rules(judged(rows=[*GOOD.rows, Row("msg-in:SM0", "aa")])) == {2}


@pytest.mark.parametrize("outcome", ["info", "fail"])
def test_an_unacknowledged_event_may_be_there_once_or_not_at_all_but_not_twice(outcome):
    doubtful = tried("rec", "rec:RE1:completed", outcome=outcome, RecordingSid="RE1", RecordingStatus="completed")
    tries = [*TRIES, doubtful]
    assert judged(tries) == []
    assert judged(tries, rows=[*GOOD.rows, row_of(doubtful)]) == []
    assert rules(judged(tries, rows=[*GOOD.rows, row_of(doubtful), row_of(doubtful)])) == {3}


def test_a_forged_event_is_never_stored_and_never_acknowledged():
    forged = tried("msg-in", "msg-in:SM9", outcome="fail", forged=True, MessageSid="SM9")
    assert judged([*TRIES, forged]) == []
    assert 3 in rules(judged([*TRIES, forged], rows=[*GOOD.rows, row_of(forged)]))
    assert rules(judged([*TRIES, replace(forged, outcome="ok", http_status=204)])) == {3}


@pytest.mark.parametrize("missing", NOTICES)
def test_a_consumer_that_was_never_told_breaks_rule_4(missing):
    found = judged(notices=[n for n in NOTICES if n != missing])
    assert found == [Violation(4, f"{missing.type} {missing.sid} at {missing.consumer}", "NEVER TOLD")]


@pytest.mark.parametrize(
    "changed",
    [
        notice("sms.received", TEXT, contents=2),
        notice("sms.received", TEXT, is_verified=False),
        replace(notice("sms.received", TEXT), id="another webhook-id"),
    ],
)
def test_a_notice_that_changes_doubles_is_unsigned_or_about_nobody_breaks_rule_4(changed):
    notices = [*(NOTICES if changed.id == "another webhook-id" else notices_without("sms.received")), changed]
    assert rules(judged(notices=notices)) == {4}


def test_a_notice_about_what_nobody_sent_breaks_rule_4():
    phantom = notice("sms.received", "SM" + "8" * 32)
    assert [broken.what for broken in judged(notices=[*NOTICES, phantom])] == ["PHANTOM: about what nobody sent"]


def test_as_call_must_have_heard_of_the_call_and_of_its_being_missed():
    assert len(judged(told_as_call={})) == 2
    assert [v.about for v in judged(told_as_call={CALL: ToldAsCall(1, 0)})] == [f"call.missed {CALL} at as-call"]
    assert [v.about for v in judged(told_as_call={CALL: ToldAsCall(0, 1)})] == [f"call.incoming {CALL} at as-call"]
    assert judged(told_as_call={CALL: ToldAsCall(2, 3)}) == []


def test_a_missed_call_decided_twice_breaks_rule_4():
    twice = replace(notice("call.missed", CALL), id="decided again")
    assert rules(judged(notices=[*NOTICES, twice])) == {4}


@pytest.mark.parametrize(
    ("field", "states"),
    [
        ("message_status", {OURS: "sent"}),
        ("message_status", {}),
        ("message_status", {OURS: "read"}),
        ("call_status", {CALL: "in-progress"}),
        ("call_status", {CALL: "busy"}),
    ],
)
def test_a_state_below_the_furthest_or_that_nobody_sent_breaks_rule_7(field, states):
    assert rules(judged(**{field: states})) == {7}


def test_a_state_may_be_further_than_what_was_acknowledged_if_it_was_sent():
    tries = [t for t in TRIES if t is not DELIVERED] + [replace(DELIVERED, outcome="info", http_status=None)]
    assert judged(tries) == []
    assert judged(tries, message_status={OURS: "sent"}) == []


def test_only_poison_may_be_set_aside():
    poison = tried("msg-in", "msg-in:SM7", poison="nul", MessageSid="SM7")
    about = [SetAside("e1", '["e1","msg-in:SM7"]', "nul")]
    assert judged([*TRIES, poison], set_aside=about) == []
    assert rules(judged(set_aside=about)) == {8}
    others = [SetAside("e2", f'["e2","{MSG_IN.key}"]', "a bug")]
    assert rules(judged([*TRIES, poison], set_aside=[*about, *others])) == {8}


def test_acknowledged_poison_is_kept_somewhere():
    poison = tried("msg-in", "msg-in:SM7", poison="nul", MessageSid="SM7")
    assert rules(judged([*TRIES, poison])) == {1}


def test_what_a_caller_was_answered_while_both_stores_were_away_promises_nothing():
    away = [(0, 10_000_000)]
    unkept = {"rows": rows_without(CALL_IN), "notices": notices_without("call.incoming"),
              "told_as_call": {CALL: ToldAsCall(0, 1)}}  # fmt: skip
    assert judged(both_away_ns=away, **unkept) == []
    assert rules(judged(both_away_ns=[(90_000_000, 91_000_000)], **unkept)) == {1, 4}


def test_a_text_is_a_promise_even_then():
    assert rules(judged(both_away_ns=[(0, 10_000_000)], rows=rows_without(MSG_IN))) == {1}


def test_a_service_without_consumers_is_asked_for_its_rows_only():
    bare = Found(GOOD.rows)
    assert violations(Case(TRIES, bare, LEDGER, TEXTS)) == []
    assert rules(violations(Case(TRIES, replace(bare, rows=rows_without(SENT)), LEDGER, TEXTS))) == {1}


def test_an_answered_call_that_was_called_missed_is_counted():
    answered = replace(DIAL, facts={**DIAL.facts, "DialCallStatus": "completed"})
    assert decided_early(Case([answered], GOOD)) == 1
    assert decided_early(Case([DIAL], GOOD)) == 0
