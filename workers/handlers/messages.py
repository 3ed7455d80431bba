"""What a text's webhooks mean: a customer has written, or one of ours has come a step further."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from shared import log, metrics
from shared.db import events, jobs, messages, notifications, numbers
from shared.db.ids import as_uuid
from shared.db.messages import Advanced, Heard, Message, Report
from shared.db.notifications import Notice
from shared.domain import event_keys, keywords
from shared.domain.error_classes import rule_of
from shared.domain.event import Event
from shared.domain.message_life import MESSAGE_LOST
from shared.domain.notices import OF_MESSAGE_STATUS, order_key
from shared.domain.phone import without_channel
from shared.domain.status import MESSAGE_FINAL, MESSAGE_RANK
from shared.errors import Unreadable
from workers import consequences, payloads, successors
from workers.consequences import Failed
from workers.handlers import wishes
from workers.payloads import Said
from workers.payloads.texts import MOST_MEDIA

_LONGEST_SID = 64  # Twilio's have 34 characters
_LONGEST_STATUS = 64  # a word; Twilio's longest has 19 characters
CONFLICTED: Final = "conflicted"
RETRIED: Final = "retried"


def incoming(conn: Connection, event: Event) -> str:
    """A customer's text: kept, and told to the subscribers in order behind what happened before with that customer."""
    said, sid = payloads.read(event), _sid(event)
    from_number, to_number = said["from_number"] or "", said["to_number"] or ""
    tenant_id, media = numbers.tenant_of(conn, without_channel(to_number)), _media(event)
    body = event.params.get("Body", "")  # as it is: a text of blanks is one
    wish = keywords.wish(body, said["opt_out_type"], to=without_channel(to_number))
    new = messages.insert_inbound(
        conn,
        message_sid=sid,
        account_sid=event.account_sid,
        tenant_id=tenant_id,
        from_number=from_number,
        to_number=to_number,
        body=body,
        media=media,
        segments=said["segments"],
        opt_out_type=wish.type if wish else None,
        messaging_service_sid=said["messaging_service_sid"],
    )
    if not new:
        return "known"
    if tenant_id is None:
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
            "body": body,
            "media": media,
            "opt_out_type": wish.type if wish else None,
            "received_at": event.received_at.isoformat(),
        },
    )
    if wish:
        heard = wishes.Heard(sid, tenant_id, from_number, to_number, said["messaging_service_sid"], event.received_at)
        wishes.heed(conn, wish, heard, body)
    return "received"


def status(conn: Connection, event: Event) -> str:
    """Twilio reports on a text of ours. The callback may come before Twilio's answer to our own request.

    Subscribers hear of every step, late ones too; what they are told the text's status is, never goes back.
    """
    return statuses(conn, [event])[event.event_id]


def statuses(conn: Connection, reported: Sequence[Event]) -> dict[str, str]:
    """As `status`, for many events; what became of each by event id.

    They are written down together, in rounds: no two of one round are of one text, so each is told of as it stood then.
    """
    outcomes: dict[str, str] = {}
    for spoken in _rounds(reported):
        outcomes |= _apply(conn, spoken)
    return outcomes


def catch_up(conn: Connection, sid: str) -> None:
    """Applies what Twilio said of a text before anybody knew that it is ours. Call it in the transaction that learns so."""
    events.wait_for_word_of(conn, sid)
    waiting = [
        event for event in events.unheard(conn, sid) if event_keys.meaning(event.kind, event.params) == "msg-status"
    ]
    if waiting:
        events.finish(conn, statuses(conn, waiting))


@dataclass(frozen=True, slots=True)
class _Spoken:
    """An event and what it says."""

    event: Event
    sid: str
    report: Report


def _rounds(reported: Sequence[Event]) -> list[list[_Spoken]]:
    rounds: list[list[_Spoken]] = []
    heard: Counter[str] = Counter()
    for event in reported:
        sid = _sid(event)
        if heard[sid] == len(rounds):
            rounds.append([])
        rounds[heard[sid]].append(_Spoken(event, sid, _report(event, payloads.read(event))))
        heard[sid] += 1
    return rounds


def _apply(conn: Connection, spoken: Sequence[_Spoken]) -> dict[str, str]:
    """One round. What is known already, as nearly all is, costs the same few statements however many there are."""
    heard = [Heard(it.sid, it.report, it.event.received_at) for it in spoken if it.report.status]
    known = messages.advance_all(conn, heard) if heard else {}
    for it in spoken:
        if it.sid not in known and (advanced := _make_known(conn, it)):
            known[it.sid] = advanced
    retried = {sid: successors.weigh(conn, it.message) for sid, it in known.items() if _is_in_question(it.message)}
    notifications.notify_all(
        conn,
        [
            notice(type_, known[it.sid].message, retried_as=retried.get(it.sid))
            for it in spoken
            if it.sid in known and (type_ := OF_MESSAGE_STATUS.get(it.report.status))
        ],
    )
    return {it.event.event_id: _outcome(conn, it, known.get(it.sid), retried.get(it.sid)) for it in spoken}


def _is_in_question(message: Message) -> bool:
    """Whether it may be lost, or seemed to be."""
    return message.status in MESSAGE_LOST or message.is_conflicted


def _make_known(conn: Connection, it: _Spoken) -> Advanced | None:
    """Of a text that Twilio's answer has not made known yet: its callback may, or an answer that is being recorded now."""
    _hand(conn, it.event, it.sid)
    if not it.report.status:
        return None
    events.wait_for_word_of(conn, it.sid)
    advanced = messages.advance(conn, it.sid, it.report, at=it.event.received_at)
    if advanced is None:
        events.finish(conn, {it.event.event_id: "unknown_message"})  # at once: `catch_up` looks for it
    return advanced


def _outcome(conn: Connection, it: _Spoken, advanced: Advanced | None, retried_as: str | None) -> str:
    if not it.report.status:
        return "unknown_status"
    if advanced is None:
        return "unknown_message"
    if it.report.status in MESSAGE_LOST and it.report.error_code:
        failed = _failed(it.event, advanced.message, it.report)
        consequences.follow(conn, failed, it.report.error_code, attempt=advanced.message.nth_try)
    if it.report.status not in MESSAGE_RANK:
        return "unknown_status"
    if advanced.is_new_conflict:
        return CONFLICTED
    if retried_as:
        return RETRIED
    return "applied" if advanced.message.status == it.report.status else "stale"


def _failed(event: Event, message: Message, report: Report) -> Failed:
    return Failed(
        message_id=str(message.id),
        tenant_id=message.tenant_id,
        to_number=message.to_number,
        from_number=message.from_number,
        service_sid=report.messaging_service_sid,
        account_sid=event.account_sid,
        left_at=message.sending_since or message.created_at,
    )


def tell(event: Event, outcome: str) -> None:
    """After the commit: two ends of one text that cannot both be true, and a text that goes again."""
    if outcome not in (CONFLICTED, RETRIED):
        return
    metrics.SMS.labels(outcome).inc()
    sid = event_keys.message_sid(event_keys.said(event.params))
    if outcome == CONFLICTED:
        log.get().warning("sms_conflicted", message_sid=sid)
    else:
        log.get().info("sms_retried", message_sid=sid)


def _hand(conn: Connection, event: Event, sid: str) -> None:
    """A callback whose URL names our text proves that Twilio has it: a doubt about that is settled."""
    message_id = as_uuid(event.query_params.get("message_id", ""))
    if message_id is not None and messages.mark_handed(
        conn, message_id, message_sid=sid, account_sid=event.account_sid
    ):
        jobs.hurry(conn, "sms.send", str(message_id))
        if handed := messages.find(conn, sid):
            notify(conn, "sms.queued", handed)
        catch_up(conn, sid)


def _report(event: Event, said: Said) -> Report:
    heard = event_keys.message_status(event_keys.said(event.params)).lower()
    unit = (said["price_unit"] or "").upper()
    return Report(
        status=heard[:_LONGEST_STATUS],
        error_code=said["error_code"],
        segments=said["segments"],
        price=said["price"],
        price_unit=unit if len(unit) == 3 and unit.isascii() and unit.isalpha() else None,
        carrier_done_at=said["carrier_done_at"],
        messaging_service_sid=said["messaging_service_sid"],
    )


def notify(conn: Connection, type_: str, message: Message) -> None:
    """Tells the subscribers how far an outgoing text has come, without its words."""
    notifications.notify_all(conn, [notice(type_, message)])


def notice(type_: str, message: Message, *, retried_as: str | None = None) -> Notice:
    """What they are told. `retried_as`: it is not the end, the text of that id takes its place."""
    return Notice(
        type=type_,
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
            "idempotency_key": message.idempotency_key,
            "status": message.state,
            "is_final": message.state in MESSAGE_FINAL and retried_as is None,
            "error_code": message.error_code,
            "error_class": rule_of(message.error_code).error_class if message.error_code else None,
            "error_reason": message.error_reason,
            "segments": message.segments,
            "attempt": message.nth_try,
            "retry_of": str(message.retry_of) if message.retry_of else None,
            "retried_as": retried_as,
            "created_at": message.created_at.isoformat(),
        },
    )


def _sid(event: Event) -> str:
    sid = event_keys.message_sid(event_keys.said(event.params))
    if not 0 < len(sid) <= _LONGEST_SID:
        raise Unreadable(f"{event.kind} without a MessageSid")
    return sid


def _media(event: Event) -> list[dict[str, Any]]:
    """What is there, whatever NumMedia says of it."""
    posted = event_keys.said(event.params)
    return [
        {"url": url, "content_type": posted.get(f"MediaContentType{i}", "")}
        for i in range(MOST_MEDIA)
        if (url := posted.get(f"MediaUrl{i}"))
    ]
