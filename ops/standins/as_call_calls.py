"""Knows what as-call-service does with a call: takes it once by its SID, and answers a missed one with a text.

Its running code takes Twilio's capitalised names, its written design the camelCase ones; both are read here.
For a call reported missed twice the real service would open a second conversation and send a second text. Here the
first ones are kept and `missed_count` goes up, so that the repeat can be seen without a second text in the way.
"""

from dataclasses import asdict
from uuid import uuid4

from flask import Blueprint, Response, current_app, request

from ops.standins import reading, text_back
from ops.standins.books import Books, Call
from ops.standins.conversations import Conversation, Message
from ops.standins.envelope import Refused, success

MISSED = ("no-answer", "busy", "failed", "canceled")

calls = Blueprint("as_call_calls", __name__)


def _books() -> Books:
    return current_app.extensions["books"]


@calls.post("/as-call/calls/incoming")
def incoming() -> Response:
    call = _read_incoming()
    books = _books()
    with books.lock:
        known = books.calls.setdefault(call.call_sid, call)
        if known is not call:
            known.incoming_count += 1
        shown = _shown(known, "id", "call_sid", "status", "tenant_id", "customer_phone", "business_phone")
    return success({"call": shown}, "Call processed successfully")


def _read_incoming() -> Call:
    body = reading.json_object(request)
    reading.iso_time(body, "timestamp")
    direction = reading.text(body, "Direction", "direction")
    return Call(
        id=str(uuid4()),
        call_sid=reading.text(body, "CallSid", "callSid"),
        tenant_id=reading.uuid(body, "tenantId"),
        customer_phone=reading.phone(body, "From", "from"),
        business_phone=reading.phone(body, "To", "to"),
        direction="inbound" if direction == "inbound" else "outbound",
        status=reading.text(body, "CallStatus", "callStatus"),
    )


@calls.post("/as-call/calls/missed")
def missed() -> Response:
    """Open a conversation and have the text sent through twilio-server *before* answering, as the real one does."""
    books = _books()
    call, conversation, must_text = _note_missed(books)
    if must_text:
        _text_back(books, call, conversation)
    with books.lock:
        shown = _shown(call, "id", "status", "sms_triggered", "conversation_id")
    return success({"call": shown | {"autoResponseSent": call.sms_triggered}}, "Missed call processed successfully")


def _text_back(books: Books, call: Call, conversation: Conversation) -> None:
    """Send the text without holding the lock: twilio-server may well ask us something meanwhile."""
    sent: text_back.Sent | None = None
    try:
        sent = text_back.send(books.ts_url, books.service_key, call)
    finally:
        with books.lock:
            call.is_texting, call.sms_triggered = False, sent is not None
            if sent:
                conversation.take(Message(sent.message_sid, "outbound", "system", sent.body))


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
        must_text = not (call.sms_triggered or call.is_texting)
        call.is_texting = call.is_texting or must_text
        return call, _conversation_of(books, call), must_text


def _conversation_of(books: Books, call: Call) -> Conversation:
    if call.conversation_id is None:
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
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
