"""Handing one text to Twilio, never twice: the row says "sending" before the request leaves."""

from datetime import UTC, datetime, timedelta

from psycopg import Connection

from shared import log, metrics
from shared.db import messages
from shared.db.freshness import FRESH_FOR
from shared.db.jobs import Job
from shared.db.messages import Message, Report
from shared.domain.phone import masked
from shared.domain.status import SEND_FINAL
from shared.domain.twiml import OVERRIDES
from shared.errors import Permanent, Transient, TwilioServerError, Unknown
from shared.twilio.client import Sent
from workers.context import WorkerRuntime
from workers.execute import SETTLE_S
from workers.handlers.messages import catch_up, notify


def send(rt: WorkerRuntime, job: Job) -> None:
    """Brings the message of this job to Twilio, or finds out whether an earlier attempt has.

    Raises an outcome of `shared.errors`; returns when Twilio has it.
    """
    with rt.db.connection() as conn:
        message = messages.find(conn, job.ref)
        if message is None:
            raise Permanent("no such message")
        if message.send_state in SEND_FINAL:
            return
        stale = datetime.now(UTC) - message.created_at > FRESH_FOR
        ours = message.send_state == "queued" and not stale and messages.mark_sending(conn, message.id)
    if message.send_state == "queued" and stale:
        raise Permanent("stale: not sent within an hour")
    if ours:
        _hand_over(rt, message)
    else:
        _find_out(rt, message)


def give_up(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """It will not be sent: say so on the row and to the subscribers, unless Twilio has it after all."""
    code = outcome.twilio_code if isinstance(outcome, Permanent) else None
    message = messages.find(conn, job.ref)
    if message is None or not messages.mark_refused(conn, message.id, code=code, reason=outcome.reason):
        return
    metrics.SMS.labels("refused").inc()
    if refused := messages.find(conn, job.ref):
        notify(conn, "sms.failed", refused)


def callback_url(public_url: str, message: Message) -> str:
    """Our message id rides in the callback's URL: it names the message even if Twilio's answer to us was lost."""
    return f"{public_url}/api/webhooks/status?message_id={message.id}{OVERRIDES}"


def _hand_over(rt: WorkerRuntime, message: Message) -> None:
    try:
        sent = rt.twilio.send_message(
            to=message.to_number,
            from_=message.from_number,
            body=message.body,
            media_urls=[item["url"] for item in message.media],
            status_callback=callback_url(rt.settings.public_url, message),
        )
    except Unknown as outcome:
        with rt.db.connection() as conn:
            messages.mark_unknown(conn, message.id, outcome.reason)
        raise
    except Transient:
        with rt.db.connection() as conn:
            messages.mark_unsent(conn, message.id)
        raise
    _record(rt, message, sent)


def _find_out(rt: WorkerRuntime, message: Message) -> None:
    """An attempt left no answer: by Twilio's own list, was it taken? Only a certain no makes it sendable again."""
    since = message.sending_since or message.created_at
    if datetime.now(UTC) - since < timedelta(seconds=SETTLE_S):
        raise Unknown("settling")  # the list may not show yet what Twilio has just taken
    alike = rt.twilio.find_messages(to=message.to_number, from_=message.from_number, body=message.body, since=since)
    with rt.db.connection() as conn:
        # Another text of ours may read the same: its message at Twilio is not this one's.
        taken = messages.known_sids(conn, [sent.message_sid for sent in alike])
        found = next((sent for sent in alike if sent.message_sid not in taken), None)
        if found is None:
            messages.mark_unsent(conn, message.id)
    if found is not None:
        return _record(rt, message, found)
    raise Transient("twilio_never_took_it")


def _record(rt: WorkerRuntime, message: Message, sent: Sent) -> None:
    with rt.db.connection() as conn:
        new = messages.mark_handed(
            conn,
            message.id,
            message_sid=sent.message_sid,
            account_sid=sent.account_sid,
            status=sent.status,
            segments=sent.segments,
        )
        if new and (handed := messages.find(conn, sent.message_sid)):
            notify(conn, "sms.queued", handed)
            catch_up(conn, sent.message_sid)
        if not new:  # a callback was faster, and did not say how many segments there are
            messages.advance(conn, sent.message_sid, Report(status=sent.status, segments=sent.segments))
    metrics.SMS.labels("handed").inc()
    metrics.SMS_SEGMENTS.inc(sent.segments or 1)
    log.get().info(
        "sms_handed", message_id=str(message.id), message_sid=sent.message_sid, to=masked(message.to_number), first=new
    )
