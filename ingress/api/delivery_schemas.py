"""Deliveries, dead letters and replays: what may be asked of them, and what is shown."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final, cast, get_args

from marshmallow import ValidationError, fields, validate, validates_schema

from ingress.api.resources import Resource, UtcTime
from ingress.api.schemas import PageSchema, Strict
from shared.db.dead_letters import Count
from shared.db.delivery_overview import STATES, AttemptMade, AttemptToTell, DeliveryOverview, NotificationOverview
from shared.db.replays import CanceledWhy, Replay, Tally
from shared.db.replays import State as ReplayState
from shared.domain import as_call_bodies, notice_body
from shared.domain.notices import TYPES
from shared.outside.standard_webhooks import body_of
from shared.redriving import MOST
from shared.replaying import HIGHEST_RATE_PER_S, RATE_PER_S, Plan
from shared.sms_job import Text

_OUTCOMES: Final = ("failed", "missing", "delivered")
_FILTERS: Final = ("endpoint_id", "tenant_id", "type", "reason", "since", "until")
_WHEN: Final = "of what is told: when it happened"


def _name(**kwargs: Any) -> Text:
    return Text(validate=validate.Length(1, 64), **kwargs)


class DeliveriesPageSchema(PageSchema):
    """Which deliveries. What is not said is not looked at."""

    endpoint_id = _name()
    tenant_id = _name()
    type = fields.String(validate=validate.OneOf(sorted(TYPES)))
    subject = Text(validate=validate.Length(1, 255), metadata={"description": "The id that it is about, as a CallSid."})
    notification_id = fields.UUID(metadata={"description": "Subscribers know it as `webhook-id`."})
    state = fields.String(validate=validate.OneOf(STATES))
    since = fields.AwareDateTime(format="iso", metadata={"description": f"Not before this moment, {_WHEN}."})
    until = fields.AwareDateTime(format="iso", metadata={"description": f"Before this moment, {_WHEN}."})


class RedriveSchema(Strict):
    """Which dead letters; at least one of the filters is needed."""

    endpoint_id = _name()
    tenant_id = _name()
    type = fields.String(validate=validate.OneOf(sorted(TYPES)))
    reason = Text(validate=validate.Length(1, 255), metadata={"description": "As a dead letter shows it: `http_500`."})
    since = fields.AwareDateTime(format="iso", metadata={"description": f"Not before this moment, {_WHEN}."})
    until = fields.AwareDateTime(format="iso", metadata={"description": f"Before this moment, {_WHEN}."})
    limit = fields.Integer(
        load_default=MOST,
        strict=True,
        validate=validate.Range(1, MOST),
        metadata={"description": "The oldest of them."},
    )
    dry_run = fields.Boolean(load_default=True, metadata={"description": "False: they are told again."})

    @validates_schema
    def of_some(self, data: dict[str, Any], **_: Any) -> None:
        """All dead letters of everybody are nobody's intention."""
        if not any(name in data for name in _FILTERS):
            raise ValidationError(f"needs one of {', '.join(_FILTERS)}", "endpoint_id")


class ReplaySchema(Strict):
    """Which notifications of a range of time, to one endpoint, how fast."""

    since = fields.AwareDateTime(required=True, format="iso", metadata={"description": "The first moment."})
    until = fields.AwareDateTime(format="iso", metadata={"description": "The first moment after it; without: now."})
    types = fields.List(
        fields.String(validate=validate.OneOf(sorted(TYPES))),
        load_default=list,
        metadata={"description": "Empty: all that the endpoint takes."},
    )
    tenant_id = _name(load_default=None, allow_none=True)
    subject = Text(load_default=None, allow_none=True, validate=validate.Length(1, 255))
    outcomes = fields.List(
        fields.String(validate=validate.OneOf(_OUTCOMES)),
        load_default=lambda: ["failed", "missing"],
        validate=validate.Length(1),
        metadata={
            "description": "What the endpoint could not be told (`failed`: its newest delivery), was never told (`missing`), "
            "has had (`delivered`). By default the first two."
        },
    )
    rate_per_s = fields.Float(
        load_default=RATE_PER_S,
        validate=validate.Range(0, HIGHEST_RATE_PER_S, min_inclusive=False),
        metadata={"description": "Deliveries a second, besides the live ones."},
    )
    dry_run = fields.Boolean(load_default=True, metadata={"description": "False: it begins."})


class DeliveryAttemptResource(Resource):
    """One request to the subscriber, and the first 1,000 characters of its answer."""

    nth = fields.Integer(required=True)
    at = UtcTime(required=True)
    duration_ms = fields.Integer(required=True)
    http_status = fields.Integer(required=True, allow_none=True)
    error = fields.String(
        required=True, allow_none=True, metadata={"description": "Null: it was told. `http_500`, `timeout`, …"}
    )
    answer = fields.String(required=True)


class NotifyingDeliveryAttemptResource(DeliveryAttemptResource):
    """An attempt, and whom it was to tell."""

    endpoint_id = fields.String(required=True)
    delivery_id = fields.Integer(required=True)


class DeliveryResource(Resource):
    """One notification on its way to one endpoint. `failed` is a dead letter."""

    id = fields.Integer(required=True)
    notification_id = fields.UUID(required=True)
    endpoint_id = fields.String(required=True)
    type = fields.String(required=True)
    subject = fields.String(required=True)
    tenant_id = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, metadata={"enum": [*STATES]})
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Why the last attempt failed."})
    http_status = fields.Integer(required=True, allow_none=True)
    attempts = fields.Integer(required=True)
    replay_id = fields.Integer(required=True, allow_none=True)
    happened_at = UtcTime(required=True)
    created_at = UtcTime(required=True)
    finished_at = UtcTime(required=True, allow_none=True)
    next_at = UtcTime(
        required=True, allow_none=True, metadata={"description": "While it waits: the next attempt, at the earliest."}
    )
    is_behind = fields.Boolean(
        required=True, allow_none=True, metadata={"description": "While it waits: behind an older one of its order."}
    )


class WholeDeliveryResource(DeliveryResource):
    """A delivery with the text that is sent, and the requests that were made."""

    order_key = fields.String(required=True)
    body = fields.Function(
        lambda row: _sent(row),
        required=True,
        metadata={
            "type": ["string", "null"],
            "description": "The text of the request; null: the endpoint has no door for it.",
        },
    )
    attempts_made = fields.List(fields.Nested(DeliveryAttemptResource), required=True)


class CountResource(Resource):
    """So many dead letters of one endpoint, type and reason."""

    endpoint_id = fields.String(required=True)
    type = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    count = fields.Integer(required=True)


class RefusedResource(Resource):
    """An endpoint that may be told nothing, and what to do about it."""

    endpoint_id = fields.String(required=True)
    count = fields.Integer(required=True)
    detail = fields.String(required=True)


class RedrivenResource(Resource):
    """What was found, and what was done about it. `left`: what may be told again and was not."""

    dry_run = fields.Boolean(required=True)
    matching = fields.Integer(required=True)
    counts = fields.List(fields.Nested(CountResource), required=True)
    sample = fields.List(fields.Integer(), required=True, metadata={"description": "Ids of the oldest of them."})
    refused = fields.List(fields.Nested(RefusedResource), required=True)
    redriven = fields.Integer(required=True)
    left = fields.Integer(required=True)


class NotificationResource(Resource):
    """Something that happened and is told. `body`: what subscribers of the standard kind get."""

    id = fields.UUID(required=True)
    type = fields.String(required=True)
    subject = fields.String(required=True)
    tenant_id = fields.String(required=True, allow_none=True)
    order_key = fields.String(required=True)
    happened_at = UtcTime(required=True)
    body = fields.Function(
        lambda row: body_of(notice_body.document(row.type, row.happened_at, row.data)),
        required=True,
        metadata={"type": "string"},
    )


class NotifyingAttempts(Resource):
    """Every request that was made for a notification, the first one first."""

    data = fields.List(fields.Nested(NotifyingDeliveryAttemptResource), required=True)


class ReplayPlanResource(Resource):
    """What a replay would tell."""

    endpoint_id = fields.String(required=True)
    matching = fields.Integer(required=True)
    is_exact = fields.Boolean(required=True, metadata={"description": "False: at least so many."})
    takes_s = fields.Float(required=True, metadata={"description": "At this rate, or the endpoint's own."})


class ReplayResource(Resource):
    """A replay. `made`: so many deliveries; `done`: all are made, and may still wait."""

    id = fields.Integer(required=True)
    endpoint_id = fields.String(required=True)
    since = UtcTime(required=True)
    until = UtcTime(required=True)
    types = fields.List(fields.String(), required=True)
    tenant_id = fields.String(required=True, allow_none=True)
    subject = fields.String(required=True, allow_none=True)
    outcomes = fields.List(fields.String(), required=True)
    rate_per_s = fields.Float(required=True)
    state = fields.String(required=True, metadata={"enum": [*get_args(ReplayState)]})
    canceled_why = fields.String(
        required=True, allow_none=True, metadata={"enum": [*get_args(CanceledWhy), None]}
    )  # fmt: skip
    reached_at = UtcTime(
        required=True, allow_none=True, attribute="cursor_at", metadata={"description": "How far it has come."}
    )
    made = fields.Integer(required=True)
    asked_by = fields.String(required=True)
    created_at = UtcTime(required=True)
    finished_at = UtcTime(required=True, allow_none=True)


class WholeReplayResource(ReplayResource):
    """A replay, what became of its deliveries, and what is yet to be made."""

    waiting = fields.Integer(required=True)
    delivered = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    skipped = fields.Integer(required=True)
    canceled = fields.Integer(required=True)
    remaining = fields.Integer(required=True)
    is_exact = fields.Boolean(required=True, metadata={"description": "False: at least so many remain."})
    takes_s = fields.Float(required=True)


DELIVERIES_PAGE: Final = DeliveriesPageSchema()
REDRIVE: Final = RedriveSchema()
REPLAY: Final = ReplaySchema()
_DELIVERY: Final = DeliveryResource()
_WHOLE: Final = WholeDeliveryResource(exclude=("attempts_made",))
_ATTEMPT: Final = DeliveryAttemptResource()
_NOTIFYING_ATTEMPT: Final = NotifyingDeliveryAttemptResource()
_NOTIFICATION: Final = NotificationResource()
_COUNT: Final = CountResource()
_REPLAY: Final = ReplayResource()


def _sent(row: DeliveryOverview) -> str | None:
    if row.adapter == "standard":
        return body_of(notice_body.document(row.type, row.happened_at, row.data))
    body = as_call_bodies.body(row.type, row.data, row.happened_at)
    return None if body is None else as_call_bodies.written(body)


def delivery(row: DeliveryOverview) -> dict[str, Any]:
    """A delivery in a list."""
    return cast("dict[str, Any]", _DELIVERY.dump(row))


def whole_delivery(row: DeliveryOverview, made: Sequence[AttemptMade]) -> dict[str, Any]:
    """A delivery with all that is known of it."""
    return {**cast("dict[str, Any]", _WHOLE.dump(row)), "attempts_made": [_ATTEMPT.dump(one) for one in made]}


def notification(row: NotificationOverview) -> dict[str, Any]:
    """A notification as a subscriber gets it."""
    return cast("dict[str, Any]", _NOTIFICATION.dump(row))


def notifying_attempt(row: AttemptToTell) -> dict[str, Any]:
    """An attempt, and whom it was to tell."""
    return cast("dict[str, Any]", _NOTIFYING_ATTEMPT.dump(row))


def count(row: Count) -> dict[str, Any]:
    """So many of a kind."""
    return cast("dict[str, Any]", _COUNT.dump(row))


def replay(row: Replay) -> dict[str, Any]:
    """A replay in a list."""
    return cast("dict[str, Any]", _REPLAY.dump(row))


def whole_replay(row: Replay, tally: Tally, left: Plan) -> dict[str, Any]:
    """A replay and how far it has come."""
    return {
        **replay(row),
        **asdict(tally),
        "remaining": left.matching,
        "is_exact": left.is_exact,
        "takes_s": left.takes_s,
    }
