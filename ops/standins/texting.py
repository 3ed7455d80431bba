"""Knows how as-call-service has a text sent: it asks twilio-server, with the platform's service key, and waits."""

import requests

from ops.standins.books import Books
from ops.standins.conversations import Conversation, Message
from ops.standins.envelope import Refused

TEXT_BACK = "Hi! Sorry we missed your call. How can we help you today? Please reply with details about what you need."

# Below the 15 s our client gives as-call-service: a slow text must become its 502, not our timeout.
PATIENCE_S = 10.0


def send(books: Books, conversation: Conversation, body: str) -> str | None:
    """Ask for a text to this customer; the message's SID, None when twilio-server has only queued it so far.

    Raises Refused (502) when twilio-server does not take it.
    """
    job = {
        "to": conversation.customer_phone,
        "from": conversation.business_phone,
        "body": body,
        "tenantId": conversation.tenant_id,
    }
    headers = {"X-Service-Key": books.service_key}
    try:
        answer = requests.post(f"{books.ts_url}/internal/sms/send", json=job, headers=headers, timeout=PATIENCE_S)
        answer.raise_for_status()
        return answer.json().get("messageSid")
    except (requests.RequestException, AttributeError) as error:
        raise Refused(502, "SERVICE_ERROR", f"Failed to send the text: {error}") from error


def say(books: Books, conversation: Conversation, sender: str, body: str) -> Message:
    """Write an answer of ours (`human` or `ai`) into the conversation, and have it sent. Raises Refused (502)."""
    message = Message(None, "outbound", sender, body)
    with books.lock:
        conversation.messages.append(message)
    try:
        message.message_sid = send(books, conversation, body)
    except Refused as refused:
        message.failure = refused.message
        raise
    return message
