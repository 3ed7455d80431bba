"""What a text's webhooks mean: a customer has written, or one of ours has come a step further."""

from typing import Any

from psycopg import Connection

from shared.db import jobs, messages, notifications, numbers
from shared.db.ids import as_uuid
from shared.db.messages import Message
from shared.domain.event import Event
from shared.domain.notices import OF_MESSAGE_STATUS, order_key
from shared.domain.status import MESSAGE_RANK

_MOST_MEDIA = 10  # Twilio's limit per message


def incoming(conn: Connection, event: Event) -> str:
    """A customer's text: kept, and told to the subscribers in order behind what happened before with that customer."""
    posted = event.params
    sid = posted.get("MessageSid") or posted.get("SmsSid") or posted.get("SmsMessageSid", "")
    from_number, to_number = posted.get("From", ""), posted.get("To", "")
    tenant_id, media = numbers.tenant_of(conn, to_number), _media(posted)
    new = messages.insert_inbound(
        conn,
        message_sid=sid,
        account_sid=event.account_sid,
        tenant_id=tenant_id,
        from_number=from_number,
        to_number=to_number,
        body=posted.get("Body", ""),
        media=media,
        segments=_count(posted.get("NumSegments")),
    )
    if not new:
        return "known"
    if tenant_id is None and to_number.startswith("+"):
        numbers.note_unknown(conn, to_number)
    notifications.notify(
        conn,
        "sms.received",
        subject=sid,
        tenant_id=tenant_id,
        order_key=order_key(business=to_number, other=from_number, subject=sid),
        data={
            "message_sid": sid,
            "from": from_number,
            "to": to_number,
            "tenant_id": tenant_id,
            "body": posted.get("Body", ""),
            "media": media,
            "opt_out_type": posted.get("OptOutType") or None,
            "received_at": event.received_at.isoformat(),
        },
    )
    return "received"


def status(conn: Connection, event: Event) -> str:
    """Twilio reports on a text of ours. The callback may come before Twilio's answer to our own request."""
    posted = event.params
    sid = posted.get("MessageSid") or posted.get("SmsSid", "")
    heard = posted.get("MessageStatus") or posted.get("SmsStatus", "")
    if heard not in MESSAGE_RANK:
        return "unknown_status"
    message_id = as_uuid(event.query_params.get("message_id", ""))
    if message_id is not None and messages.mark_handed(
        conn, message_id, message_sid=sid, account_sid=event.account_sid, status="queued"
    ):
        jobs.hurry(conn, "sms.send", str(message_id))  # its doubt is settled
        if handed := messages.find(conn, sid):
            notify(conn, "sms.queued", handed)
    message = messages.advance(conn, sid, status=heard, error_code=_count(posted.get("ErrorCode")))
    if message is None:
        return "stale" if messages.find(conn, sid) else "unknown_message"
    if type_ := OF_MESSAGE_STATUS.get(heard):
        notify(conn, type_, message)
    return "applied"


def notify(conn: Connection, type_: str, message: Message) -> None:
    """Tells the subscribers how far an outgoing text has come, without its words."""
    notifications.notify(
        conn,
        type_,
        subject=str(message.id),
        tenant_id=message.tenant_id,
        # Its own order: a text that nobody reports on must not hold up the conversation around it.
        order_key=f"message|{message.id}",
        data={
            "message_id": str(message.id),
            "message_sid": message.message_sid,
            "from": message.from_number,
            "to": message.to_number,
            "tenant_id": message.tenant_id,
            "client": message.client,
            "status": message.state,
            "error_code": message.error_code,
            "error_reason": message.error_reason,
            "segments": message.segments,
        },
    )


def _media(posted: dict[str, str]) -> list[dict[str, Any]]:
    count = min(_count(posted.get("NumMedia")) or 0, _MOST_MEDIA)
    return [
        {"url": posted.get(f"MediaUrl{i}", ""), "content_type": posted.get(f"MediaContentType{i}", "")}
        for i in range(count)
    ]


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
