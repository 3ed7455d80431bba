"""Business numbers: what may be asked of them, and what is shown. What may be said of them is `shared.number_document`'s."""

from datetime import UTC, datetime
from typing import Any, Final, cast, get_args

from marshmallow import fields, validate

from ingress.api.resources import Resource, UtcTime
from ingress.api.schemas import PageSchema, Strict
from shared.db.numbers import Version, Via
from shared.domain.call_preview import CallPreview
from shared.domain.routing import Number, Reason, RouteKind, document
from shared.number_document import RoutingSchema
from shared.sms_job import Text

# Rules about days count on them having a day before and one after.
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class NumbersPageSchema(PageSchema):
    """Which numbers."""

    tenant_id = Text(validate=validate.Length(1, 64))


class PreviewCallSchema(Strict):
    """A call that does not take place."""

    from_ = Text(
        data_key="from",
        load_default="",
        validate=validate.Length(max=255),
        metadata={"description": "As Twilio would give it: E.164, `anonymous`, `sip:…`, `client:…`."},
    )
    stir = Text(
        load_default="",
        validate=validate.Length(max=64),
        metadata={"description": "Twilio's `StirVerstat`, like TN-Validation-Passed-A."},
    )
    forwarded_from = Text(
        load_default="",
        validate=validate.Length(max=255),
        metadata={"description": "The phone that sends the call on to us."},
    )
    at = fields.AwareDateTime(
        load_default=None,
        allow_none=True,
        format="iso",
        validate=validate.Range(_EARLIEST, _LATEST),
        metadata={"description": "ISO 8601 with a zone; without: now."},
    )
    routing = fields.Nested(
        RoutingSchema,
        load_default=None,
        allow_none=True,
        metadata={"description": "A routing to try in place of the number's own."},
    )


class NumberResource(Resource):
    """A number. Its version is also its `ETag`; `status` is what pns-provisioning-service says of it, null: not asked yet."""

    phone_number = fields.String(required=True)
    tenant_id = fields.String(required=True, allow_none=True)
    version = fields.Integer(required=True)
    status = fields.String(required=True, allow_none=True)
    routing = fields.Nested(RoutingSchema, required=True)


class VersionResource(Resource):
    """What a number was changed to, by whom and when. `routing` is as it was written then."""

    version = fields.Integer(required=True)
    tenant_id = fields.String(required=True, allow_none=True)
    routing = fields.Dict(required=True)
    changed_by = fields.String(required=True)
    via = fields.String(required=True, metadata={"enum": [*get_args(Via)]})
    note = fields.String(required=True, allow_none=True)
    changed_at = UtcTime(required=True)


class RungResource(Resource):
    """A phone, and for how long it is rung."""

    to = fields.String(required=True)
    ring_s = fields.Integer(required=True)


class RouteResource(Resource):
    """What would become of a call."""

    route = fields.String(required=True, metadata={"enum": [*get_args(RouteKind)]})
    reason = fields.String(required=True, metadata={"enum": [*get_args(Reason)], "description": "Empty for a forward."})
    rings = fields.List(
        fields.List(fields.Nested(RungResource)),
        required=True,
        metadata={"description": "One group after the other, those of a group at once. Of a menu: whom its key rings."},
    )
    at = UtcTime(required=True)
    version = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Null: a routing that was tried."}
    )


NUMBERS_PAGE: Final = NumbersPageSchema()
PREVIEW_CALL: Final = PreviewCallSchema()
_VERSION: Final = VersionResource()
_ROUTE: Final = RouteResource()


def number(row: Number) -> dict[str, Any]:
    """A number as clients see it."""
    return {
        "phone_number": row.phone_number, "tenant_id": row.tenant_id, "version": row.version, "status": row.status,
        "routing": document(row.routing),
    }  # fmt: skip


def version(row: Version) -> dict[str, Any]:
    """One change as clients see it."""
    return cast("dict[str, Any]", _VERSION.dump(row))


def preview(found: CallPreview, at: datetime) -> dict[str, Any]:
    """What would become of a call. A routing that is only tried has version 0 and is shown without."""
    told = {"route": found.route.kind, "reason": found.route.reason, "rings": found.rings, "at": at,
            "version": found.route.number.version or None}  # fmt: skip
    return cast("dict[str, Any]", _ROUTE.dump(told))
