"""Endpoints: what may be asked of them, and what is shown. What may be said of them is `shared.endpoint_document`'s."""

from dataclasses import asdict
from typing import Any, Final, cast, get_args

from marshmallow import fields, validate

from ingress.api.resources import Resource, UtcTime
from ingress.api.schemas import PageSchema
from shared.db.delivery_attempts import Standing, StoredAttempt
from shared.db.endpoint_overview import MOST_COUNTED, Backlog, EndpointOverview
from shared.db.endpoints import Adapter, DisabledReason
from shared.db.notifications import Outcome
from shared.domain.circuit import Circuit
from shared.sms_job import Text


class EndpointsPageSchema(PageSchema):
    """Which endpoints."""

    tenant_id = Text(validate=validate.Length(1, 64))
    enabled = fields.String(
        validate=validate.OneOf(["0", "1"]), metadata={"description": "1: only those; 0: only the others."}
    )


class AttemptsPageSchema(PageSchema):
    """Which attempts."""

    status = fields.String(validate=validate.OneOf(["ok", "failed"]))
    since = fields.AwareDateTime(format="iso", metadata={"description": "Not before this moment."})


class HealthResource(Resource):
    """How it answers. `open`: it is left alone until `probe_at`, when one request finds out whether it answers again."""

    circuit = fields.String(required=True, metadata={"enum": [*get_args(Circuit)]})
    failures = fields.Integer(required=True, metadata={"description": "Running, of its own doing."})
    failing_since = UtcTime(required=True, allow_none=True)
    last_success_at = UtcTime(required=True, allow_none=True)
    paused_until = UtcTime(required=True, allow_none=True, metadata={"description": "It asked not to be told before."})
    probe_at = UtcTime(required=True, allow_none=True)


class BacklogResource(Resource):
    """What waits there."""

    waiting = fields.Integer(required=True, metadata={"description": f"At most {MOST_COUNTED:,} are counted."})
    oldest_s = fields.Float(
        required=True, allow_none=True, metadata={"description": "Seconds that the oldest has waited."}
    )
    dead_letters = fields.Integer(
        required=True, metadata={"description": f"What it could not be told. At most {MOST_COUNTED:,} are counted."}
    )


class EndpointResource(Resource):
    """An endpoint; its version is its `ETag`. Neither its secret nor the values of its headers are ever shown."""

    id = fields.String(required=True)
    url = fields.String(required=True)
    description = fields.String(required=True)
    adapter = fields.String(required=True, metadata={"enum": [*get_args(Adapter)]})
    types = fields.List(fields.String(), required=True, metadata={"description": "Empty: all of them."})
    tenant_id = fields.String(required=True, allow_none=True, metadata={"description": "Null: everybody's."})
    header_names = fields.List(fields.String(), required=True)
    rate_per_s = fields.Float(required=True, allow_none=True)
    concurrency = fields.Integer(required=True)
    enabled = fields.Boolean(required=True)
    disabled_reason = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "enum": [*get_args(DisabledReason), None],
            "description": "`gone`: it answered 410. `failing`: nothing but failures for five days.",
        },
    )
    disabled_at = UtcTime(required=True, allow_none=True)
    previous_until = UtcTime(
        required=True, allow_none=True, metadata={"description": "Until then the secret before signs, too."}
    )
    version = fields.Integer(required=True)
    created_at = UtcTime(required=True)
    updated_at = UtcTime(required=True)
    health = fields.Nested(HealthResource, required=True)


class WholeEndpointResource(EndpointResource):
    """An endpoint with what waits there."""

    backlog = fields.Nested(BacklogResource, required=True)


class SecretEndpointResource(EndpointResource):
    """An endpoint with its secret, which is shown this once."""

    secret = fields.String(
        required=True, allow_none=True, metadata={"description": "Null: as-call-service, which is not signed to."}
    )


class DeletedEndpointResource(EndpointResource):
    """An endpoint as it was."""

    canceled = fields.Integer(
        required=True, metadata={"description": "How many notifications waited and are told it no more."}
    )


class AttemptResource(Resource):
    """One request to a subscriber."""

    delivery_id = fields.Integer(required=True)
    notification_id = fields.UUID(required=True, metadata={"description": "The `webhook-id`."})
    type = fields.String(required=True)
    subject = fields.String(required=True)
    nth = fields.Integer(required=True)
    at = UtcTime(required=True)
    duration_ms = fields.Integer(required=True)
    http_status = fields.Integer(required=True, allow_none=True, metadata={"description": "Null: no answer."})
    error = fields.String(required=True, allow_none=True, metadata={"description": "Null: it was taken."})
    answer = fields.String(required=True, metadata={"description": "The first 1,000 characters of it."})


class TestResource(Resource):
    """A test, and what the receiver answered as far as is known."""

    delivery_id = fields.Integer(required=True)
    notification_id = fields.UUID(required=True)
    endpoint_id = fields.String(required=True)
    outcome = fields.String(
        required=True,
        allow_none=True,
        metadata={"enum": [*get_args(Outcome), None], "description": "Null: it is still to be told."},
    )
    attempt = fields.Nested(
        AttemptResource, required=True, allow_none=True, metadata={"description": "The last one, if there was any."}
    )


ENDPOINTS_PAGE: Final = EndpointsPageSchema()
ATTEMPTS_PAGE: Final = AttemptsPageSchema()
_HEALTH: Final = tuple(HealthResource().fields)
_ENDPOINT: Final = EndpointResource()
_WHOLE: Final = WholeEndpointResource()
_ATTEMPT: Final = AttemptResource()
_TEST: Final = TestResource()


def endpoint(row: EndpointOverview) -> dict[str, Any]:
    """An endpoint as clients see it."""
    return cast("dict[str, Any]", _ENDPOINT.dump(_nested(row)))


def whole(row: EndpointOverview, waiting: Backlog) -> dict[str, Any]:
    """An endpoint with what waits there."""
    return cast("dict[str, Any]", _WHOLE.dump(_nested(row) | {"backlog": waiting}))


def attempt(row: StoredAttempt) -> dict[str, Any]:
    """One attempt as clients see it."""
    return cast("dict[str, Any]", _ATTEMPT.dump(row))


def test(found: Standing, last: StoredAttempt | None) -> dict[str, Any]:
    """A test as clients see it."""
    return cast("dict[str, Any]", _TEST.dump(asdict(found) | {"attempt": last}))


def _nested(row: EndpointOverview) -> dict[str, Any]:
    told = asdict(row)
    return told | {"health": {name: told[name] for name in _HEALTH}}
