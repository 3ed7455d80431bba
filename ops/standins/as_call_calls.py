"""Knows what as-call-service does with a call: takes it once by its SID, and answers a missed one with a text.

Its running code takes Twilio's capitalised names, its written design the camelCase ones; neither reads the other's. For a
call that is reported missed twice the running code opens a second conversation and has a second text sent. See `ways`.
"""

from dataclasses import asdict
from uuid import uuid4

from flask import Blueprint, Response, current_app, request

from ops.standins import reading, texting
from ops.standins.books import Books, Call
from ops.standins.conversations import Conversation, Message
from ops.standins.envelope import Refused, success

MISSED = ("no-answer", "busy", "failed", "canceled")
# What its own record of a call can hold. It spells Twilio's words with an underscore before it looks, so `in-progress` and
# `no-answer` are refused by its own record, and told as a fault of its own.
HOLDS = ("ringing", "completed", "missed", "failed")

calls = Blueprint("as_call_calls", __name__)


def _books() -> Books:
    return current_app.extensions["books"]


@calls.post("/as-call/calls/incoming")
def incoming() -> Response:
    books = _books()
    call = _read_incoming(books.ways.dialect)
    with books.lock:
        known = books.calls.get(call.call_sid)
        if known is None:
            known = books.calls[call.call_sid] = _kept(call)
        else:
            known.incoming_count += 1
        shown = _shown(known, "id", "call_sid", "status", "tenant_id", "customer_phone", "business_phone")
    return success({"call": shown}, "Call processed successfully", books.ways.answer)


def _read_incoming(dialect: str) -> Call:
    body = reading.json_object(request)
    reading.iso_time(body, "timestamp")
    names = ("CallSid", "From", "To", "CallStatus", "Direction")
    sid, caller, called, status, direction = names if dialect == "running" else [_camel(name) for name in names]
    return Call(
        id=str(uuid4()),
        call_sid=reading.text(body, sid),
        tenant_id=reading.uuid(body, "tenantId"),
        customer_phone=reading.phone(body, caller),
        business_phone=reading.phone(body, called),
        direction="inbound" if reading.text(body, direction) == "inbound" else "outbound",
        status=reading.text(body, status),
    )


def _kept(call: Call) -> Call:
    if call.status not in HOLDS:
        raise Refused(500, "INTERNAL_ERROR", f"a call cannot be {call.status.replace('-', '_')}")
    return call


@calls.post("/as-call/calls/missed")
def missed() -> Response:
    """Open a conversation and have the text sent through twilio-server *before* answering, as the real one does."""
    books = _books()
    call, conversation, must_text = _note_missed(books)
    if must_text:
        _text_back(books, call, conversation)
    with books.lock:
        shown = _shown(call, "id", "status", "sms_triggered", "conversation_id")
    told = shown | {"autoResponseSent": call.sms_triggered}
    return success({"call": told}, "Missed call processed successfully", books.ways.answer)


def _text_back(books: Books, call: Call, conversation: Conversation) -> None:
    """Send the text without holding the lock: twilio-server may well ask us something meanwhile."""
    is_sent = False
    try:
        message_sid = texting.send(books, conversation, texting.TEXT_BACK)
        is_sent = True
        with books.lock:
            conversation.take(Message(message_sid, "outbound", "system", texting.TEXT_BACK))
    finally:
        with books.lock:
            call.is_texting, call.sms_triggered = False, call.sms_triggered or is_sent


def _note_missed(books: Books) -> tuple[Call, Conversation, bool]:
    """Write the missed call down; the last value says whether it is on this request to have the text sent."""
    body = reading.json_object(request)
    call_sid = reading.text(body, "callSid")
    missed_status = reading.text(body, "callStatus")
    if missed_status not in MISSED:
        raise Refused(400, "VALIDATION_ERROR", f"callStatus must be one of {', '.join(MISSED)}")
    duration_s, ended_at = reading.seconds(body, "callDuration"), reading.iso_time(body, "endTime")
    with books.lock:
        call = books.calls.get(call_sid)
        if call is None:
            raise Refused(404, "CALL_NOT_FOUND", "Call not found")
        call.status, call.missed_status = "missed", missed_status
        call.duration_s, call.ended_at = duration_s, ended_at
        call.missed_count += 1
        again = books.ways.repeats == "again"
        must_text = again or not (call.sms_triggered or call.is_texting)
        call.is_texting = call.is_texting or must_text
        return call, _conversation_of(books, call, another=again), must_text


def _conversation_of(books: Books, call: Call, *, another: bool) -> Conversation:
    """The one of this call; `another` opens one more, which is the call's from then on."""
    if call.conversation_id is None or another:
        call.conversation_id = str(uuid4())
        books.conversations[call.conversation_id] = Conversation(
            call.conversation_id, call.tenant_id, call.customer_phone, call.business_phone, call.call_sid
        )
    return books.conversations[call.conversation_id]


def _shown(call: Call, *names: str) -> dict[str, object]:
    """These fields as the platform spells them: camelCase."""
    fields = asdict(call)
    return {_camel(name): fields[name] for name in names}


def _camel(name: str) -> str:
    """`call_sid` and `CallSid` are both callSid."""
    first, *rest = name.split("_")
    return first[0].lower() + first[1:] + "".join(word.capitalize() for word in rest)
