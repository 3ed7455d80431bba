import json
import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import permutations
from uuid import uuid4

import pytest
from psycopg import ProgrammingError

from shared.db import jobs, messages
from shared.db import shadow as shadow_rows
from shared.db.compared import COMPARED
from shared.db.events import take_turn
from shared.db.shadow import Range
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, OWNER, TENANT, event
from workers import events, shadow
from workers.amend import amend

CALL, LEG, SMS, REC = (
    "".join((kind, number * 32)) for kind, number in (("CA", "1"), ("CA", "2"), ("SM", "3"), ("RE", "4"))
)
FACTS = {"CallSid": CALL, "From": CUSTOMER, "To": BUSINESS, "Direction": "inbound"}
EVERYTHING = ("events", "replay", "--since", "30d")


def incoming(**more):
    return event("call", answer="forward", CallStatus="ringing", **{**FACTS, **more})


def dialled(result="no-answer", **more):
    return event("dial", **{**FACTS, "CallStatus": "in-progress", "DialCallStatus": result, "DialCallSid": LEG, **more})


def leg(**more):
    return event(
        "status", **{**FACTS, "CallSid": LEG, "To": OWNER, "CallStatus": "no-answer", "ParentCallSid": CALL, **more}
    )


def completed(**more):
    return event("status", CallStatus="completed", CallDuration="21", **{**FACTS, **more})


def recorded(status="completed"):
    return event("recording", CallSid=CALL, RecordingSid=REC, RecordingStatus=status, RecordingDuration="5")


def text(**more):
    return event("message", **{"MessageSid": SMS, "SmsStatus": "received", "From": CUSTOMER, "To": BUSINESS, **more})


def wanted(world):
    """A text we promised to send; its id."""
    with world.rt.db.connection() as conn:
        message = messages.insert_outbound(
            conn, client="test", idempotency_key=None, tenant_id=TENANT, from_number=BUSINESS, to_number=CUSTOMER,
            body=f"hello {uuid4()}", media=[],
        )  # fmt: skip
        jobs.promise(conn, "sms.send", str(message.id))
    return message


def reported(status, message, sid="SM" + "5" * 32):
    return event("status", f"message_id={message.id}", MessageSid=sid, MessageStatus=status, From=BUSINESS, To=CUSTOMER)


def long_ago(*occurred, hours=3):
    return [replace(one, received_ns=time.time_ns() - hours * 3600 * 10**9 + i) for i, one in enumerate(occurred)]


def story(result):
    return [(one["what"], one["was"], one["would_be"]) for one in result]


def test_no_table_is_compared_twice():
    assert len({each.table for each in COMPARED}) == len(COMPARED)


def everything(world):
    """Every row of every table, and where every sequence stands."""
    tables = [row[0] for row in world.rows("select tablename from pg_tables where schemaname = 'public' order by 1")]
    rows = {table: world.rows(f"select t::text from {table} t order by 1") for table in tables}
    return rows, world.rows("select sequencename, last_value from pg_sequences order by 1")


@pytest.mark.parametrize("order", [*permutations(range(4))])
def test_the_same_code_decides_a_call_the_same_in_whatever_order_its_webhooks_came(world, cli, order):
    life = [incoming(), dialled(), leg(), completed()]
    for index in order:
        world.happens(life[index])
    assert cli.json(*EVERYTHING) == {"examined": 4, "same": 4, "differing": []}


def test_the_same_code_decides_everything_the_same_when_all_comes_at_once_and_doubled(world, cli):
    message = wanted(world)
    happened = [incoming(), dialled("completed", DialBridged="true"), completed(), leg(CallStatus="completed"), text(),
                recorded("in-progress"), recorded(), reported("sent", message), reported("delivered", message),
                event("status", Odd="1")]  # fmt: skip
    chance = random.Random(5)
    for _ in range(3):
        chance.shuffle(happened)
        world.happens(*happened)
    assert cli.json(*EVERYTHING)["differing"] == []


def every_other_kind():
    """What calls, transcriptions and Twilio's debugger post besides."""
    words, live = "TR" + "6" * 32, "GT" + "7" * 32
    return [
        event("status", CallSid=CALL, AnsweredBy="human", MachineDetectionDuration="900"),
        event("call", Digits="1", CallStatus="in-progress", **FACTS),
        event("call", SpeechResult="good day", Confidence="0.9", CallStatus="in-progress", **FACTS),
        event("status", CallSid=CALL, RecordingSid=REC, TranscriptionSid=words, TranscriptionStatus="completed",
              TranscriptionText="words"),
        event("status", CallSid=CALL, TranscriptionSid=live, TranscriptionEvent="transcription-started",
              SequenceId="1", Timestamp="2026-01-01T00:00:00.000000Z", LanguageCode="en-US"),
        event("status", CallSid=CALL, TranscriptionSid=live, TranscriptionEvent="transcription-content", SequenceId="2",
              Timestamp="2026-01-01T00:00:01.000000Z", Track="inbound_track", Final="true",
              TranscriptionData='{"transcript": "hello", "confidence": 0.9}'),
        event("status", Sid="NO" + "8" * 32, PayloadType="application/json", Level="ERROR", Timestamp="",
              Payload=json.dumps({"resource_sid": CALL, "error_code": "11200"})),
        event("message", MessageSid="SM" + "9" * 32, SmsStatus="received", From=CUSTOMER, To=BUSINESS, Body="STOP",
              ErrorCode="11200", ErrorUrl="https://calls.example.com/api/sms/incoming"),
    ]  # fmt: skip


def test_every_kind_of_webhook_is_decided_the_same_in_any_order(world, cli):
    happened = [incoming(), dialled("busy"), completed(), recorded(), *every_other_kind()]
    chance = random.Random(7)
    for _ in range(2):
        chance.shuffle(happened)
        for one in happened:
            world.happens(one)
    tables = ["call_inputs", "transcriptions", "transcription_parts", "alerts"]
    assert [world.one(f"select count(*) > 0 from {table}") for table in tables] == [True] * 4
    assert cli.json(*EVERYTHING) == {"examined": 12, "same": 12, "differing": []}


@pytest.mark.parametrize("table", ["call_inputs", "transcription_parts", "alerts"])
def test_a_row_that_only_its_event_tells_of_is_put_back_when_it_is_lost(world, cli, table):
    world.happens(incoming(), *every_other_kind())
    before = world.rows(f"select * from {table} order by 1")
    world.rows(f"delete from {table} returning 1")
    assert {one["what"].split(" ")[0] for one in mended(world, cli, before=everything(world))["applied"]} == {table}
    assert world.rows(f"select * from {table} order by 1") == before


def test_a_recording_of_which_only_its_address_was_told_is_put_back_when_it_is_lost(world, cli):
    url = f"https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/{REC}"
    world.happens(
        incoming(), event("voicemail", RecordingUrl=url, RecordingDuration="3", CallStatus="completed", **FACTS)
    )
    before = world.rows("select recording_sid, call_sid, state from recordings")
    world.rows("delete from recordings returning 1")
    assert story(mended(world, cli, before=everything(world))["applied"]) == [(f"recordings {REC}", None, "there")]
    assert world.rows("select recording_sid, call_sid, state from recordings") == before != []


def test_an_event_that_the_code_of_its_time_took_for_something_else_is_handled_as_what_it_is(world, cli):
    world.happens(incoming())
    taken = replace(dialled(), kind="other", key="other:1", path="/api/calls/dial-result")
    world.happens(taken)
    assert world.one("select outcome from events where key = 'other:1'") == "stored"
    assert ("outcome", "stored", "missed") in story(mended(world, cli, before=everything(world))["applied"])
    assert world.one("select decision from calls") == "missed"


@pytest.mark.parametrize("order", [*permutations(["sent", "delivered", "queued"])])
@pytest.mark.parametrize("is_answered_first", [True, False])
def test_a_text_is_the_same_whether_twilios_answer_or_its_report_came_first(world, cli, order, is_answered_first):
    message, sid = wanted(world), "SM" + "5" * 32
    if is_answered_first:
        world.work("sms.send")
        sid = world.one("select message_sid from messages")
    for status in order:
        world.happens(reported(status, message, sid))
    assert world.one("select status from messages") == "delivered"
    assert cli.json(*EVERYTHING)["differing"] == []


def test_twilios_list_may_have_told_of_a_text_before_its_reports_did(world, cli):
    message = wanted(world)
    world.work("sms.send")
    world.rows("update messages set status = 'delivered' returning 1")  # as the list said after an answer was lost
    world.happens(reported("sent", message, world.one("select message_sid from messages")))
    assert world.one("select outcome from events") == "stale"
    assert cli.json(*EVERYTHING)["differing"] == []


def test_what_the_workers_did_since_is_no_difference(world, cli):
    world.happens(incoming(), recorded("in-progress"), recorded())
    world.rows("update recordings set state = 'failed', error_reason = 'x' returning 1")
    world.happens(recorded("absent"), completed())
    world.rows("update jobs set next_at = now() where kind = 'call.settle' returning id")
    world.work("call.settle", "deliver", "as-call")
    assert world.one("select decision from calls") == "missed"
    assert cli.json(*EVERYTHING)["differing"] == []
    world.happens(dialled("completed"))  # too late: it was decided
    assert world.one("select decision from calls") == "missed"
    assert cli.json(*EVERYTHING)["differing"] == []


def test_a_range_that_cuts_a_life_in_two_still_sees_the_whole_of_it(world, cli):
    world.happens(*long_ago(incoming()))
    world.happens(dialled(), completed())
    assert cli.json("events", "replay", "--since", "1h") == {"examined": 2, "same": 2, "differing": []}
    assert cli.json("events", "replay", "--since", "5h", "--until", "1h")["examined"] == 1


def test_one_may_ask_for_a_kind_a_subject_or_a_single_event(world, cli):
    other = text()
    world.happens(incoming(), dialled(), completed(), other)
    world.rows("delete from deliveries returning 1")
    world.rows("delete from notifications where type in ('call.missed', 'sms.received') returning 1")
    assert cli.json(*EVERYTHING, "--kind", "msg-in", status=1)["examined"] == 1
    found = cli.json("events", "replay", "--sid", CALL, status=1)
    assert (found["examined"], story(found["differing"])) == (3, [(f"notifications call.missed {CALL}", None, "there")])
    found = cli.json("events", "replay", "--key", other.key, status=1)
    assert (found["examined"], found["same"], found["differing"][0]["key"]) == (1, 0, other.key)


def test_a_shadow_leaves_no_trace(world, cli):
    world.happens(incoming(), dialled(), completed(), text(To="+14155550999"), recorded())
    world.rows(
        "delete from deliveries where notification_id in (select id from notifications where type = 'call.missed') returning 1"
    )
    world.rows("delete from notifications where type = 'call.missed' returning 1")
    before, keys = everything(world), world.rt.redis.keys()
    schemas = world.rows("select nspname from pg_namespace order by 1")
    cli(*EVERYTHING, status=1)
    assert everything(world) == before
    assert world.rt.redis.keys() == keys
    assert world.rows("select nspname from pg_namespace order by 1") == schemas


def test_a_handler_in_the_shadow_can_neither_commit_nor_see_real_rows(world, cli, monkeypatch):
    seen = []

    def curious(conn, event):
        seen.append(conn.execute("select count(*) from events").fetchone()[0])
        try:
            conn.commit()
        except ProgrammingError as fault:
            seen.append(type(fault).__name__)
        return "applied"

    world.happens(completed())
    monkeypatch.setattr(events, "HANDLERS", {**events.HANDLERS, "call-status": curious})
    cli(*EVERYTHING, status=1)
    assert seen == [0, "ProgrammingError"]


def test_a_shadow_makes_no_worker_wait(world, cli, monkeypatch):
    """A worker commits an event of the same customer while a handler in the shadow holds the turn, and the order."""
    world.happens(incoming())
    real = events.HANDLERS["call-in"]

    def meanwhile(conn, event):
        outcome = real(conn, event)
        take_turn(conn)
        jobs.promise(conn, "call.end", "x", order_key=f"all|{BUSINESS}|{CUSTOMER}")
        with monkeypatch.context() as patch:
            patch.setattr(events, "HANDLERS", {**events.HANDLERS, "call-in": real})
            world.happens(dialled())
        return outcome

    monkeypatch.setattr(events, "HANDLERS", {**events.HANDLERS, "call-in": meanwhile})
    assert cli.json(*EVERYTHING) == {"examined": 1, "same": 1, "differing": []}
    assert world.one("select count(*) from events where outcome = 'missed'") == 1


def test_what_is_committed_while_the_shadow_looks_is_no_difference(world, cli, monkeypatch):
    """Between reading the events and reading the rows, a worker commits another event of the same call."""
    world.happens(incoming())
    real = shadow_rows.message_ids

    def meanwhile(conn, *of):
        with monkeypatch.context() as patch:
            patch.setattr(shadow_rows, "message_ids", real)
            world.happens(dialled())
        return real(conn, *of)

    monkeypatch.setattr(shadow_rows, "message_ids", meanwhile)
    assert cli.json(*EVERYTHING) == {"examined": 1, "same": 1, "differing": []}


def test_whoever_was_faster_has_done_it_already(world):
    """Two people apply what both have seen missing."""
    world.happens(text(), incoming())
    world.rows("update events set outcome = null, processed_at = null where kind = 'msg-in' returning 1")
    world.rows("delete from messages returning 1")
    without_notifications(world, "call.incoming", "sms.received")
    now = datetime.now(UTC)
    with world.rt.db.connection() as conn:
        conn.autocommit = True
        look = partial(
            shadow.one, conn, Range(since=now - timedelta(days=1), until=now), lambda event: event, after=None
        )
        seen = look()
        first = amend(conn, seen, look, lambda event: event, fresh_for=timedelta(hours=1))
        before = everything(world)
        second = amend(conn, seen, look, lambda event: event, fresh_for=timedelta(hours=1))
        conn.autocommit = False
    assert (len(first.done), first.left, second.done, second.left) == (2, [], [], [])
    assert everything(world) == before


def without_notifications(world, *types):
    """They are gone, with whom they were for."""
    world.rows(
        """
        delete from deliveries where notification_id in (select id from notifications where type = any(%s)) returning 1
        """,
        list(types),
    )  # fmt: skip
    world.rows("delete from notifications where type = any(%s) returning 1", list(types))


def mended(world, cli, *more, before):
    """Applies once, and shows that a second time finds nothing and does nothing."""
    result = cli.json(*EVERYTHING, "--apply", *more)
    after = everything(world)
    again = cli.json(*EVERYTHING, "--apply", *more)
    assert (again["differing"], again["applied"]) == ([], [])
    assert everything(world) == after
    assert after != before
    return result


def test_a_lost_notification_is_named_and_told_again_once(world, cli):
    happened = dialled()
    world.happens(incoming(), happened, completed())
    without_notifications(world, "call.missed")
    world.rows("delete from jobs where kind in ('deliver', 'as-call') returning 1")
    found = cli.json(*EVERYTHING, status=1)
    assert found["differing"] == [
        {"key": happened.key, "what": f"notifications call.missed {CALL}", "was": None, "would_be": "there"}
    ]
    assert (found["examined"], found["same"]) == (3, 0)
    before = everything(world)
    result = mended(world, cli, before=before)
    assert result["applied"] == found["differing"]
    world.work("as-call", "deliver")
    assert [path for path in world.subscriber.paths() if path.endswith("/calls/missed")] == ["/as-call/calls/missed"]
    assert len(world.subscriber.paths()) == 2


def test_a_step_that_is_told_again_is_told_as_it_was(world, cli):
    message = wanted(world)
    world.happens(reported("sent", message))
    world.happens(reported("delivered", message))
    without_notifications(world, "sms.sent")
    mended(world, cli, before=everything(world))
    assert world.one("select data ->> 'status' from notifications where type = 'sms.sent'") == "sent"


def test_a_lost_decision_is_named_and_taken_again(world, cli):
    happened = dialled()
    world.happens(incoming(), happened, completed())
    world.rows("update calls set decision = null, decided_at = null, text_back = null returning 1")
    before = everything(world)
    result = mended(world, cli, before=before)
    assert result["applied"] == [
        {"key": happened.key, "what": f"calls {CALL} decision", "was": None, "would_be": "missed"}
    ]
    assert world.one("select decision from calls") == "missed"
    assert everything(world)[0]["notifications"] == before[0]["notifications"]


def test_a_lost_promise_of_work_is_made_again(world, cli):
    world.happens(incoming(), recorded())
    world.rows("delete from jobs where kind = 'recording.fetch' returning 1")
    result = mended(world, cli, before=everything(world))
    assert story(result["applied"]) == [(f"jobs recording.fetch {REC}", None, "there")]
    assert world.one("select state from jobs where kind = 'recording.fetch'") == "due"


@pytest.mark.parametrize("table", ["calls", "recordings", "messages"])
def test_a_lost_row_is_put_back_as_it_would_be(world, cli, table):
    world.happens(incoming(), dialled(), completed(), recorded(), text())
    columns = {
        "calls": "call_sid, status, decision, dial_status, duration_s, from_number, tenant_id, route",
        "recordings": "recording_sid, state, call_sid",
        "messages": "message_sid, status, body, from_number",
    }[table]
    before = world.rows(f"select {columns} from {table}")
    world.rows(f"delete from {table} returning 1")
    assert len(mended(world, cli, before=everything(world))["applied"]) == 1
    assert world.rows(f"select {columns} from {table}") == before


def test_an_event_that_came_when_its_handler_was_missing_is_processed_now(world, cli, monkeypatch):
    happened = dialled()
    with monkeypatch.context() as patch:
        patch.setattr(events, "HANDLERS", {kind: each for kind, each in events.HANDLERS.items() if kind != "dial"})
        world.happens(incoming(), happened)
        assert cli.json(*EVERYTHING)["differing"] == []
    found = cli.json(*EVERYTHING, status=1)["differing"]
    assert ("outcome", "stored", "missed") in story(found)
    assert (f"calls {CALL} decision", None, "missed") in story(found)
    mended(world, cli, before=everything(world))
    assert world.rows("select decision, dial_status from calls") == [("missed", "no-answer")]
    assert world.one("select outcome from events where kind = 'dial'") == "missed"
    world.work("as-call")
    assert world.subscriber.paths() == ["/as-call/calls/incoming", "/as-call/calls/missed"]


def test_an_event_that_nobody_processed_is_processed_now(world, cli):
    happened = text()
    world.happens(happened)
    world.rows("update events set processed_at = null, outcome = null returning 1")
    world.rows("delete from messages returning 1")
    without_notifications(world, "sms.received")
    world.rows("delete from jobs returning 1")
    result = mended(world, cli, before=everything(world))
    assert story(result["applied"]) == [("outcome", None, "received")]
    assert world.one("select body from messages") == ""
    assert world.one("select count(*) from notifications") == 1


def test_what_is_there_and_says_something_else_is_shown_and_left(world, cli):
    world.happens(incoming(), dialled(), completed())
    world.rows(
        "update calls set decision = 'answered', text_back = null, status = 'ringing', ended_at = null returning 1"
    )
    result = cli.json(*EVERYTHING, "--apply", status=1)
    assert story(result["differing"]) == [
        (f"calls {CALL} status", "ringing", "completed"), (f"calls {CALL} decision", "answered", "missed"),
    ]  # fmt: skip
    assert (result["applied"], result["left"]) == ([], 2)
    assert world.rows("select decision, status from calls") == [("answered", "ringing")]


def test_a_text_or_a_recording_that_has_fallen_back_is_shown(world, cli):
    world.happens(reported("delivered", wanted(world)), recorded())
    world.rows("update messages set status = 'sent' returning 1")
    # The table itself refuses that: an older release's did not.
    with world.rt.db.connection() as conn:
        conn.execute("alter table recordings disable trigger recordings_stamped")
        conn.execute("update recordings set state = 'announced'")
    found = cli.json(*EVERYTHING, status=1)["differing"]
    assert {(one["was"], one["would_be"]) for one in found} == {("sent", "delivered"), ("announced", "available")}


@pytest.mark.made_up_notices
def test_what_is_there_and_would_not_be_is_shown_and_left(world, cli):
    world.happens(text())
    world.rows(
        """
        insert into notifications (id, type, subject, order_key, data)
        select gen_random_uuid(), type, %s, '', '{}' from unnest(array['sms.failed', 'call.missed']) as type returning 1
        """,
        SMS,
    )
    result = cli.json(*EVERYTHING, "--apply", status=1)
    assert story(result["differing"]) == [(f"notifications call.missed {SMS}", "there", None)]
    assert result["applied"] == []


def test_code_that_breaks_on_an_event_is_a_finding_and_nothing_to_apply(world, cli, monkeypatch):
    def broken(conn, event):
        conn.execute("select 1 / 0")

    world.happens(text(), incoming())
    monkeypatch.setattr(events, "HANDLERS", {**events.HANDLERS, "msg-in": broken})
    result = cli.json(*EVERYTHING, "--apply", status=1)
    (outcome,) = [one for one in result["differing"] if one["what"] == "outcome"]
    assert outcome["would_be"].startswith("broke: DivisionByZero at ")
    assert (result["examined"], result["same"], result["applied"]) == (2, 1, [])


def test_a_change_of_the_rules_shows_which_decisions_it_turns(world, cli, monkeypatch):
    world.happens(incoming(), dialled("busy"), completed())
    real = events.HANDLERS["dial"]

    def turned(conn, event):
        return real(conn, replace(event, body=event.body.replace(b"busy", b"completed")))

    monkeypatch.setattr(events, "HANDLERS", {**events.HANDLERS, "dial": turned})
    found = story(cli.json(*EVERYTHING, status=1)["differing"])
    assert ("outcome", "missed", "answered") in found
    assert (f"calls {CALL} decision", "missed", "answered") in found
    assert (f"notifications call.missed {CALL}", "there", None) in found


@pytest.mark.parametrize("damage", ["notification", "settle", "event"])
def test_nobody_is_texted_about_a_call_of_hours_ago_unless_it_is_asked_for(world, cli, damage):
    if damage == "settle":
        world.happens(*long_ago(incoming(), completed()))
        world.rows("delete from jobs where kind = 'call.settle' returning 1")
    else:
        world.happens(*long_ago(incoming(), dialled()))
        without_notifications(world, "call.missed")
    if damage == "event":
        world.rows("update events set outcome = null, processed_at = null where kind = 'dial' returning 1")
        world.rows(
            "update calls set decision = null, decided_at = null, text_back = null, dial_status = null returning 1"
        )
    before = everything(world)
    result = cli.json(*EVERYTHING, "--apply", status=1)
    assert len(result["skipped"]) == 1 if damage != "event" else len(result["skipped"]) >= 1
    assert not world.rows("select 1 from notifications where type = 'call.missed'")
    if damage != "event":
        assert result["applied"] == []
        assert everything(world) == before
    mended(world, cli, "--even-stale", before=before)
    assert cli.json(*EVERYTHING)["differing"] == []
    world.rows("update jobs set next_at = now() where kind = 'call.settle' returning id")
    world.work("call.settle", "as-call")
    assert world.subscriber.paths().count("/as-call/calls/missed") == 1


def test_a_customers_words_of_hours_ago_are_not_answered_now_unless_it_is_asked_for(world, cli):
    world.happens(*long_ago(text()))
    without_notifications(world, "sms.received")
    result = cli.json(*EVERYTHING, "--apply", status=1)
    assert (len(result["skipped"]), result["applied"]) == (1, [])
    assert len(cli.json(*EVERYTHING, "--apply", "--even-stale")["applied"]) == 1


def test_an_old_call_is_mended_in_all_that_texts_nobody(world, cli):
    world.happens(*long_ago(incoming(), dialled(), completed()))
    without_notifications(world, "call.missed", "call.completed")
    world.rows("update calls set decision = null, decided_at = null, text_back = null returning 1")
    result = cli.json(*EVERYTHING, "--apply", status=1)
    assert sorted(story(result["applied"])) == [
        (f"calls {CALL} decision", None, "missed"), (f"notifications call.completed {CALL}", None, "there"),
    ]  # fmt: skip
    assert story(result["skipped"]) == [(f"notifications call.missed {CALL}", None, "there")]


def test_a_large_range_goes_in_batches_and_no_family_is_counted_twice(world):
    lives = [
        [incoming(**facts), dialled(**facts), completed(**facts)]
        for facts in ({"CallSid": f"CA{n:032x}", "DialCallSid": ""} for n in range(20))
    ]
    world.happens(*(one for stage in zip(*lives, strict=True) for one in stage))  # each life spans the batches
    without_notifications(world, "call.missed")
    with world.rt.db.connection() as conn:
        conn.autocommit = True
        now = datetime.now(UTC)
        found, cursor, wanted = [], None, Range(since=now - timedelta(days=1), until=now)
        while batch := shadow.one(conn, wanted, lambda event: event, after=cursor, size=7):
            found.append(batch)
            cursor = batch.cursor
        conn.autocommit = False
    assert sum(batch.examined for batch in found) == 60
    differing = [difference.what for batch in found for difference in batch.differences]
    assert len(differing) == len(set(differing)) == 20


@pytest.mark.parametrize("words", [[], ["--since", "yesterday"], ["--since", "2026-13-01"], ["--kind", "dial"]])
def test_a_question_that_cannot_be_asked_is_refused(cli, words):
    cli("events", "replay", *words, status=2)


def test_a_person_reads_a_table(world, cli):
    world.happens(incoming(), dialled())
    assert "2 examined, 2 the same, 0 differences" in cli(*EVERYTHING).stdout
    without_notifications(world, "call.missed")
    told = cli(*EVERYTHING, "--apply").stdout
    assert "call.missed" in told
    assert "1 applied, 0 left" in told
