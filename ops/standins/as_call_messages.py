"""Knows what as-call-service does with a customer's text: puts it into the conversation it names, or refuses it."""

from flask import Blueprint, Response, current_app, request

from ops.standins import answering, reading
from ops.standins.books import Books
from ops.standins.conversations import Message
from ops.standins.envelope import Refused, success

messages = Blueprint("as_call_messages", __name__)


@messages.post("/as-call/conversations/<conversation_id>/messages")
def incoming_message(conversation_id: str) -> Response:
    """A customer's text; the AI that is active already answers it before this does."""
    books: Books = current_app.extensions["books"]
    message = _read_message()
    with books.lock:
        conversation = books.conversations.get(conversation_id)
        if conversation is None:
            raise Refused(404, "CONVERSATION_NOT_FOUND", "Conversation not found")
        is_new = conversation.take(message) is message
        must_answer = is_new or books.ways.repeats == "again"
    is_answered, window_s = answering.customer_wrote(books, conversation) if must_answer else (False, None)
    shown = {
        "conversationId": conversation.id,
        "direction": "inbound",
        "processed": True,
        "aiProcessingTriggered": is_answered,
        "humanResponseWindow": window_s,
    }
    return success(shown, "Message processed successfully", books.ways.answer)


def _read_message() -> Message:
    """An empty `body` is refused by the real service too: a picture alone needs some text beside it."""
    body = reading.json_object(request)
    media = body.get("media") or []
    if not isinstance(media, list):
        raise Refused(400, "VALIDATION_ERROR", "media must be a list")
    reading.iso_time(body, "timestamp")
    return Message(
        message_sid=reading.text(body, "messageSid"),
        direction="inbound",
        sender="customer",
        body=reading.text(body, "body"),
        media=media,
    )
