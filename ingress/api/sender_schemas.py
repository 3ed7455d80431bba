"""Senders: what may be said of them, and what is shown."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, cast, get_args

from marshmallow import ValidationError, fields, validate

from ingress.api.resources import Resource, UtcTime
from ingress.api.schemas import PageSchema, Strict
from shared import recipients
from shared.db.sender_overview import Overview
from shared.db.senders import SenderKind
from shared.domain.senders import default_rate, likely_kind
from shared.sms_job import Text, check_sender

_SERVICE: Final = re.compile(r"MG[0-9a-f]{32}\Z")
_TENANT: Final = validate.Length(1, 64)
# What the store holds: three decimals. Ten times what Twilio grants to the fastest senders.
_SLOWEST, _FASTEST = 0.001, 1_000.0
_MOST_A_DAY: Final = 1_000_000_000
# A year: longer than anybody means, and far from the end of the calendar.
_LONGEST_PAUSE_MIN: Final = 366 * 24 * 60


def check_service(text: str) -> None:
    """The SID of a Messaging Service. Raises ValidationError."""
    if not _SERVICE.match(text):
        raise ValidationError("must be the SID of a Messaging Service")


def is_sender(text: str) -> bool:
    """Whether texts can come from there."""
    try:
        if not _SERVICE.match(text):
            check_sender(text)
    except ValidationError:
        return False
    return True


class SendersPageSchema(PageSchema):
    """Which senders."""

    tenant_id = Text(validate=_TENANT)
    service_sid = Text(validate=check_service)


class SenderSchema(Strict):
    """How a sender may be used."""

    tenant_id = Text(
        load_default=None,
        allow_none=True,
        validate=_TENANT,
        metadata={"description": "In whose pool it is."},
    )
    service_sid = Text(
        load_default=None,
        allow_none=True,
        validate=check_service,
        metadata={"description": "The Messaging Service that it belongs to: their rates and pauses both hold."},
    )
    segments_per_s = fields.Float(load_default=None, allow_none=True, validate=validate.Range(_SLOWEST, _FASTEST))
    segments_per_day = fields.Integer(
        load_default=None, allow_none=True, strict=True, validate=validate.Range(1, _MOST_A_DAY)
    )


class PauseSchema(Strict):
    """For how long nothing leaves, and why."""

    minutes = fields.Integer(required=True, strict=True, validate=validate.Range(1, _LONGEST_PAUSE_MIN))
    reason = Text(required=True, validate=validate.Length(1, 200))


class SenderResource(Resource):
    """A sender. `updated_at` null: it was never set, and is used as its kind allows."""

    sender = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": [*get_args(SenderKind)]})
    tenant_id = fields.String(required=True, allow_none=True)
    service_sid = fields.String(required=True, allow_none=True)
    segments_per_s = fields.Float(required=True)
    rate_from = fields.String(
        required=True,
        metadata={"enum": ["sender", "kind"], "description": "Whether the rate was set, or is that of its kind."},
    )
    segments_per_day = fields.Integer(required=True, allow_none=True, metadata={"description": "Null: any number."})
    paused_until = UtcTime(required=True, allow_none=True)
    pause_reason = fields.String(required=True, allow_none=True)
    service_paused_until = UtcTime(required=True, allow_none=True)
    account_paused_until = UtcTime(required=True, allow_none=True)
    texts_waiting = fields.Integer(required=True, metadata={"description": "For their turn."})
    segments_waiting = fields.Integer(required=True)
    texts_asleep = fields.Integer(
        required=True, metadata={"description": "Scheduled, held by a rule, to be tried again, or met by a pause."}
    )
    next_send_at = UtcTime(
        required=True,
        allow_none=True,
        metadata={
            "description": "When its rate and its pauses let the next waiting text go. Null: none waits, or not known."
        },
    )
    updated_at = UtcTime(required=True, allow_none=True)


SENDERS_PAGE: Final = SendersPageSchema()
SENDER: Final = SenderSchema()
PAUSE: Final = PauseSchema()
_SENDER: Final = SenderResource()


def sender(row: Overview, next_send_at: Mapping[str, datetime]) -> dict[str, Any]:
    """A sender as clients see it."""
    kind = row.kind or likely_kind(row.sender)
    own = row.segments_per_s
    rate = own if own is not None else default_rate(kind, recipients.of(row.sender).region)
    derived = {"kind": kind, "segments_per_s": rate, "rate_from": "kind" if own is None else "sender"}
    shown = asdict(row) | derived | {"next_send_at": next_send_at.get(row.sender)}
    return cast("dict[str, Any]", _SENDER.dump(shown))
