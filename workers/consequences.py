"""What follows from an error code of Twilio's besides the fate of its text: for the recipient, the sender and the account."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from psycopg import Connection

from shared import log, metrics
from shared.db import senders, suppressions
from shared.domain.error_classes import Consequence, Deed, ErrorRule, rule_of
from shared.domain.senders import likely_kind
from workers.handlers import wishes
from workers.handlers.wishes import Heard


@dataclass(frozen=True, slots=True)
class Failed:
    """The text that met the error. `left_at`: when its request left; `service_sid`: the service that was to send it."""

    message_id: str
    tenant_id: str | None
    to_number: str
    from_number: str
    service_sid: str | None
    account_sid: str
    left_at: datetime


def follow(conn: Connection, failed: Failed, code: int | None, *, attempt: int) -> ErrorRule:
    """Does what the rule of `code` asks for after failure number `attempt` (from 1); the rule."""
    rule = rule_of(code)
    for consequence in rule.consequences_after(attempt):
        _DEEDS[consequence.do](conn, failed, rule, consequence)
    return rule


def _suppress(conn: Connection, failed: Failed, rule: ErrorRule, consequence: Consequence) -> None:
    until = datetime.now(UTC) + timedelta(days=consequence.days) if consequence.days else None
    suppressions.put(conn, failed.to_number, reason=consequence.reason, twilio_code=rule.code, until=until)


def _opt_out(conn: Connection, failed: Failed, rule: ErrorRule, consequence: Consequence) -> None:
    wishes.heed_twilio(
        conn,
        Heard(
            message_sid=failed.message_id,
            tenant_id=failed.tenant_id,
            from_number=failed.to_number,
            to_number=failed.from_number,
            service_sid=failed.service_sid,
            at=failed.left_at,
        ),
    )


def _pause_sender(conn: Connection, failed: Failed, rule: ErrorRule, consequence: Consequence) -> None:
    if sender := failed.from_number or failed.service_sid:
        senders.pause(conn, sender, likely_kind(sender), seconds=consequence.minutes * 60, reason=f"twilio {rule.code}")


def _pause_account(conn: Connection, failed: Failed, rule: ErrorRule, consequence: Consequence) -> None:
    senders.pause_account(conn, failed.account_sid, seconds=consequence.seconds, reason=f"twilio {rule.code}")


def _alert(conn: Connection, failed: Failed, rule: ErrorRule, consequence: Consequence) -> None:
    metrics.SMS_ALERTS.labels(rule.error_class, "known" if rule.is_known else "unknown").inc()
    log.get().error("sms_error_alert", twilio_code=rule.code, error_class=rule.error_class, is_known=rule.is_known)


_DEEDS: Final[Mapping[Deed, Callable[[Connection, Failed, ErrorRule, Consequence], None]]] = {
    "suppress": _suppress,
    "opt-out": _opt_out,
    "pause-sender": _pause_sender,
    "pause-account": _pause_account,
    "alert": _alert,
}
