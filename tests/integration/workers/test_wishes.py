"""What people say in texts about getting more of them, and what Twilio's error 21610 tells."""

from datetime import timedelta
from itertools import permutations

import pytest

from shared import permissions
from shared.db import messages, numbers, opt_outs
from shared.domain.routing import Number
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, TENANT, event

SERVICE = "MG" + "1" * 32


def text(number, body, **more):
    sid = f"SM{number:032x}"
    said = {"MessageSid": sid, "SmsStatus": "received", "From": CUSTOMER, "To": BUSINESS, "NumMedia": "0", "Body": body}
    return event("message", **said | more)


def may_text(world, **more):
    asked = {"to": CUSTOMER, "from_": BUSINESS, "service_sid": None, "tenant_id": TENANT, "purpose": "conversation"}
    with world.rt.db.connection() as conn:
        (decision,) = permissions.ask(conn, world.rt.settings.law, [permissions.question(**{**asked, **more})])
        return decision.verdict == "allowed"


def notices(world):
    return [
        row[0] for row in world.rows("select type from notifications where type like 'consent.%%' order by created_at")
    ]


@pytest.mark.parametrize(
    ("body", "more", "source"),
    [("STOP", {}, "keyword"), ("Stop.", {}, "free-form"), ("please stop texting me", {}, "free-form"),
     ("\uff33\uff34\uff2f\uff30", {}, "free-form"), ("Bonjour", {"OptOutType": "STOP"}, "opt-out-type")],
)  # fmt: skip
def test_a_stop_is_kept_told_once_and_ends_all_texts(world, body, more, source):
    assert may_text(world)
    said = text(1, body, **more)
    world.happens(said)
    world.happens(said)
    everywhere = [BUSINESS, f"tenant:{TENANT}"]
    kept = world.rows("select scope, number, source from opt_outs order by scope")
    assert kept == [(scope, CUSTOMER, source) for scope in everywhere]
    assert world.one("select opt_out_type from messages") == "STOP"
    assert not may_text(world)
    assert not may_text(world, from_="+14155550177")
    assert may_text(world, from_="+14155550177", tenant_id="another")
    assert notices(world) == ["consent.opted_out"]
    world.work("deliver", "as-call")
    told = [body for path, _, body in world.subscriber.got if path == "/all" and body["type"] == "consent.opted_out"]
    assert [(each["data"]["number"], each["data"]["scopes"], each["data"]["source"]) for each in told] == [
        (CUSTOMER, everywhere, source)
    ]


def test_a_start_lifts_it(world):
    world.happens(text(1, "STOP"))
    world.happens(text(2, "start"))
    assert may_text(world)
    assert may_text(world, from_="+14155550177")
    assert notices(world) == ["consent.opted_out", "consent.opted_in"]


def test_a_start_to_another_number_does_not_lift_what_twilio_holds_for_this_one(world):
    with world.rt.db.connection() as conn:
        numbers.put(conn, Number("+14155550177", TENANT))
    world.happens(text(1, "STOP"))
    world.happens(text(2, "START", To="+14155550177"))
    assert may_text(world, from_="+14155550177")
    assert not may_text(world)


@pytest.mark.parametrize("body", ["stop by tomorrow?", "HELP", "yes please come"])
def test_other_texts_change_nothing(world, body):
    world.happens(text(1, body))
    assert may_text(world)
    assert notices(world) == []


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_the_word_that_was_received_last_counts_in_whatever_order_they_are_read(world, order):
    words = [text(1, "STOP"), text(2, "START"), text(3, "STOP")]  # each was received after the one before it
    for n in order:
        world.happens(words[n])
    assert not may_text(world)


def test_a_stop_to_a_number_of_a_service_ends_the_texts_of_the_service(world):
    world.happens(text(1, "STOP", MessagingServiceSid=SERVICE))
    assert not may_text(world)
    assert not may_text(world, from_="", service_sid=SERVICE)
    world.happens(text(2, "UNSTOP", MessagingServiceSid=SERVICE))
    assert may_text(world, from_="", service_sid=SERVICE)


def test_no_start_lifts_what_we_entered(world):
    with world.rt.db.connection() as conn:
        opt_outs.add(conn, number=CUSTOMER, scope="*", source="api")
        opt_outs.add(conn, number=CUSTOMER, scope=BUSINESS, source="cli")
    world.happens(text(1, "START"))
    assert not may_text(world)
    assert world.one("select count(*) from opt_outs where lifted_at is null") == 2


def handed(world, sid="SM" + "f" * 32):
    with world.rt.db.connection() as conn:
        message = messages.insert_outbound(
            conn, client="test", idempotency_key=None, tenant_id=TENANT, from_number=BUSINESS, to_number=CUSTOMER, body="x",
            media=[],
        )  # fmt: skip
        messages.mark_sending(conn, message.id)
    return message, event("status", f"message_id={message.id}", MessageSid=sid, MessageStatus="failed", ErrorCode="21610",
                          From=BUSINESS, To=CUSTOMER)  # fmt: skip


def test_a_text_that_failed_with_21610_tells_of_an_opt_out(world):
    _, failed = handed(world)
    world.happens(failed)
    assert world.rows("select scope, number, source from opt_outs") == [(BUSINESS, CUSTOMER, "21610")]
    assert not may_text(world)
    assert notices(world) == ["consent.opted_out"]


def test_a_start_after_the_text_had_left_outlives_the_news_of_its_failure(world):
    _, failed = handed(world)
    world.happens(text(1, "START"))
    world.happens(failed)
    assert may_text(world)


def test_the_proof_of_a_stop_names_the_text_and_not_its_words(world):
    world.happens(text(1, "please stop texting me"))
    evidence = world.one("select evidence from opt_outs where scope = %s", BUSINESS)
    assert evidence["message_sid"] == f"SM{1:032x}"
    assert evidence["word"] == "stop texting me"
    assert len(evidence["text_sha256"]) == 64


def test_an_old_stop_is_kept_as_proof_under_the_start_that_came_after_it(world):
    older, newer = text(1, "STOP"), text(2, "START")
    world.happens(newer)
    world.happens(older)
    kept = world.rows("select at, lifted_at from opt_outs where lifted_at > at")
    assert [lifted - at < timedelta(seconds=45) for at, lifted in kept] == [True, True]
    assert notices(world) == []
