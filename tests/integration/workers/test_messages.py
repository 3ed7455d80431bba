import json
from itertools import permutations
from uuid import uuid4

import pytest
from standardwebhooks import Webhook

from shared.db import conversations, jobs, messages
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, SECRET, TENANT, event

SID = "SM" + "1" * 32


def wanted(world, **more):
    """A text we promised to send; its id."""
    with world.rt.db.connection() as conn:
        given = {"client": "test", "idempotency_key": None, "tenant_id": TENANT, "from_number": BUSINESS,
                 "to_number": CUSTOMER, "body": f"hello {uuid4()}", "media": []}  # fmt: skip
        message = messages.insert_outbound(conn, **{**given, **more})
        jobs.promise(conn, "sms.send", str(message.id))
    return message


def reported(status, message=None, sid=SID, **more):
    query = f"message_id={message.id}" if message else ""
    return event("status", query, MessageSid=sid, MessageStatus=status, From=BUSINESS, To=CUSTOMER, **more)


def received(sid=SID, **more):
    return event("message", MessageSid=sid, SmsStatus="received", From=CUSTOMER, To=BUSINESS, NumMedia="0", **more)


def test_a_promised_text_is_handed_to_twilio_once(world, twilio):
    message = wanted(world)
    assert world.work("sms.send") == ["done"]
    ((sid, state, status),) = world.rows("select message_sid, send_state, status from messages")
    assert sid.startswith("SM")
    assert (state, status) == ("handed", "queued")
    found = world.rt.twilio.find_messages(to=CUSTOMER, from_=BUSINESS, body=message.body, since=message.created_at)
    assert [sent.message_sid for sent in found] == [sid]


@pytest.mark.parametrize("order", [*permutations(["sent", "delivered"])])
def test_a_text_ends_delivered_in_whatever_order_twilio_reports(world, order):
    wanted(world)
    world.work("sms.send")
    sid = world.one("select message_sid from messages")
    for status in (*order, *order):
        world.happens(reported(status, sid=sid))
    assert world.one("select status from messages") == "delivered"
    assert world.one("select count(*) from notifications where type = 'sms.delivered'") == 1


def test_a_callback_that_overtakes_twilios_answer_settles_the_text(world):
    message = wanted(world)
    with world.rt.db.connection() as conn:
        messages.mark_sending(conn, message.id)
    world.happens(reported("delivered", message))
    assert world.rows("select message_sid, send_state, status from messages") == [(SID, "handed", "delivered")]
    assert world.work("sms.send") == ["done"]
    assert world.rt.twilio.find_messages(to=CUSTOMER, from_=BUSINESS, body=message.body, since=message.created_at) == []


def test_a_callback_that_overtakes_twilios_answer_takes_nothing_of_it_away(world, monkeypatch):
    message, ask = wanted(world, body="x" * 200), type(world.rt.twilio).send_message

    def overtaken(client, **asked):
        sent = ask(client, **asked)
        world.happens(reported("sent", message, sid=sent.message_sid))
        return sent

    monkeypatch.setattr(type(world.rt.twilio), "send_message", overtaken)
    assert world.work("sms.send") == ["done"]
    assert world.rows("select send_state, status, segments from messages") == [("handed", "sent", 2)]
    assert world.one("select count(*) from notifications where type = 'sms.queued'") == 1


def test_a_worker_that_died_after_twilio_took_the_text_does_not_send_it_again(world):
    message = wanted(world)
    with world.rt.db.connection() as conn:
        messages.mark_sending(conn, message.id)
    sent = world.rt.twilio.send_message(
        to=CUSTOMER, from_=BUSINESS, body=message.body, media_urls=[], status_callback="http://127.0.0.1:9/x"
    )
    assert world.work("sms.send") == ["deferred"]  # it waits until Twilio's list must show it
    world.rows("update messages set sending_since = sending_since - interval '1 minute' returning id")
    world.rows("update jobs set next_at = now() returning id")
    assert world.work("sms.send") == ["done"]
    assert world.one("select message_sid from messages") == sent.message_sid


def test_a_text_that_reads_like_one_in_doubt_is_not_taken_for_it(world):
    wanted(world, body="same words")
    assert world.work("sms.send") == ["done"]
    doubted = wanted(world, body="same words")
    with world.rt.db.connection() as conn:
        messages.mark_sending(conn, doubted.id)
    world.rows("update messages set sending_since = now() - interval '1 minute' where id = %s returning id", doubted.id)
    assert world.work("sms.send") == ["transient"]
    world.time_passes()
    assert world.work("sms.send") == ["done"]
    assert world.one("select count(distinct message_sid) from messages") == 2


def test_a_worker_that_died_before_twilio_took_the_text_leaves_it_to_be_sent(world):
    message = wanted(world)
    with world.rt.db.connection() as conn:
        messages.mark_sending(conn, message.id)
    world.rows("update messages set sending_since = now() - interval '1 minute' returning id")
    assert world.work("sms.send") == ["transient"]
    assert world.one("select send_state from messages") == "queued"
    world.time_passes()
    assert world.work("sms.send") == ["done"]


def test_a_text_that_twilio_refuses_fails_with_its_code_and_is_told(world):
    wanted(world, to_number="+15005550001")  # Twilio's magic number: 21211, invalid
    assert world.work("sms.send") == ["failed"]
    assert world.rows("select send_state, status, error_code from messages") == [("refused", None, 21211)]
    assert world.one("select data ->> 'error_code' from notifications where type = 'sms.failed'") == "21211"


def test_a_text_that_twilio_has_is_neither_refused_nor_renamed_afterwards(world):
    message = wanted(world)
    world.work("sms.send")
    before = world.rows("select message_sid, send_state, status, error_code from messages")
    with world.rt.db.connection() as conn:
        assert not messages.mark_refused(conn, message.id, code=30001, reason="late")
        assert not messages.mark_handed(conn, message.id, message_sid=SID, account_sid="AC", status="sent")
    assert world.rows("select message_sid, send_state, status, error_code from messages") == before


def test_a_text_that_waited_an_hour_is_not_sent_any_more(world):
    wanted(world)
    world.rows("update messages set created_at = now() - interval '2 hours' returning id")
    assert world.work("sms.send") == ["failed"]
    assert world.one("select error_reason from messages") == "expired"


def test_the_same_idempotency_key_is_the_same_text(world):
    first = wanted(world, idempotency_key="k", body="one")
    second = wanted(world, idempotency_key="k", body="two")
    assert first.id == second.id
    assert world.work("sms.send") == ["done"]
    assert world.one("select body from messages") == "one"


def test_a_customers_text_is_kept_once_and_told_with_a_signature_that_verifies(world):
    world.happens(received(Body="Hi\0 there"))
    world.happens(received(Body="Hi\0 there"))
    assert world.rows("select body, direction, status, tenant_id from messages") == [
        ("Hi there", "inbound", "received", TENANT)
    ]
    world.work("deliver", "as-call")
    ((_, headers, body),) = [got for got in world.subscriber.got if got[0] == "/all"]
    assert body["type"] == "sms.received"
    assert body["data"]["body"] == "Hi there"
    assert headers["webhook-id"] == str(world.one("select id from notifications"))
    assert Webhook(SECRET).verify(json.dumps(body, separators=(",", ":"), ensure_ascii=False), headers)


def test_a_reply_reaches_its_conversation_behind_the_missed_call_that_opens_it(world):
    world.listens_only("as-call")
    call = {"CallSid": "CA" + "7" * 32, "From": CUSTOMER, "To": BUSINESS, "Direction": "inbound"}
    opened = {"success": True, "data": {"call": {"conversationId": "conv-1", "smsTriggered": True}}}
    world.happens(
        event("call", answer="forward", CallStatus="ringing", **call),
        event("dial", CallStatus="in-progress", DialCallStatus="no-answer", **call),
        received(Body="Please call me back"),
    )
    well = (200, {"success": True})
    world.subscriber.answers = [well, (404, {}), well, (200, opened), well]
    world.work("deliver", "as-call")
    assert world.subscriber.paths() == [
        "/as-call/calls/incoming",
        "/as-call/calls/missed",  # 404: it has forgotten the call, so it is told anew
        "/as-call/calls/incoming",
        "/as-call/calls/missed",
        "/as-call/conversations/conv-1/messages",
    ]
    assert world.subscriber.got[-1][2]["body"] == "Please call me back"


def test_a_text_without_a_conversation_is_skipped_for_as_call_and_told_to_the_others(world):
    world.happens(received(Body="Hello?"))
    world.work("deliver", "as-call")
    assert world.subscriber.paths() == ["/all"]
    assert world.rows("select endpoint_id, outcome from deliveries order by 1") == [
        ("all", "delivered"),
        ("as-call", "skipped"),
    ]


def test_the_newest_conversation_gets_the_reply(world):
    with world.rt.db.connection() as conn:
        for conversation_id in ("old", "new"):
            conversations.remember(
                conn, tenant_id=TENANT, business=BUSINESS, customer=CUSTOMER, conversation_id=conversation_id
            )
    world.happens(received(Body="Hi again"))
    world.work("deliver", "as-call")
    assert "/as-call/conversations/new/messages" in world.subscriber.paths()


def test_success_false_with_200_is_no_delivery(world):
    with world.rt.db.connection() as conn:
        conversations.remember(conn, tenant_id=TENANT, business=BUSINESS, customer=CUSTOMER, conversation_id="c")
    world.listens_only("as-call")
    world.subscriber.answers = [(200, {"success": False})]
    world.happens(received(Body="Hi"))
    assert world.work("deliver", "as-call") == ["transient"]


def test_a_status_of_a_text_that_is_not_ours_is_kept_and_changes_nothing(world):
    world.happens(reported("delivered"))
    assert world.one("select outcome from events") == "unknown_message"


def test_a_text_that_came_by_the_fallback_address_is_a_text_like_any_other(world):
    world.happens(received(Body="Hi", ErrorCode="11200", ErrorUrl="https://x"))
    assert world.rows("select body, direction from messages") == [("Hi", "inbound")]
