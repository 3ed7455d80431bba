"""Opt-outs and consents: what may be said of them, and what is shown."""

import re
from datetime import UTC, datetime
from typing import Any, Final, cast

from marshmallow import ValidationError, fields, validate, validates_schema

from ingress.api.resources import Resource, UtcTime
from ingress.api.schemas import PageSchema, Strict
from shared.db.consents import StoredConsent
from shared.db.opt_outs import EVERYBODY, StoredOptOut
from shared.domain.law import CONSENT_KINDS, PURPOSES
from shared.sms_job import Text, check_phone, check_sender

_TENANT: Final = re.compile(r"tenant:.{1,64}\Z", re.DOTALL)
_SERVICE: Final = re.compile(r"MG[0-9a-f]{32}\Z")
_SCOPE_TOLD: Final = "`*` for all of us, `tenant:ID`, a sender, or the SID of a Messaging Service."


def check_scope(text: str) -> None:
    """Where an opt-out counts. Raises ValidationError."""
    if text != EVERYBODY and not _TENANT.match(text) and not _SERVICE.match(text):
        try:
            check_sender(text)
        except ValidationError:
            raise ValidationError("must be *, tenant:ID, a sender or the SID of a Messaging Service") from None


def _number(**more: Any) -> Text:
    return Text(validate=check_phone, metadata={"description": "In E.164."}, **more)


def _scope(**more: Any) -> Text:
    return Text(validate=check_scope, metadata={"description": _SCOPE_TOLD}, **more)


class OptOutsPageSchema(PageSchema):
    """Which opt-outs."""

    number = _number()
    scope = _scope()
    lifted = fields.String(
        load_default="0",
        validate=validate.OneOf(["0", "1"]),
        metadata={"description": "1: those that were lifted too."},
    )


class OptOutSchema(Strict):
    """Somebody wants no more texts, as we were told on another way than by text."""

    number = _number(required=True)
    scope = _scope(load_default=EVERYBODY)
    evidence = fields.Dict(keys=fields.String(), load_default=None, allow_none=True)


class LiftSchema(Strict):
    """Which of a number's opt-outs."""

    scope = _scope(load_default=EVERYBODY)


class ConsentsPageSchema(PageSchema):
    """Which consents."""

    number = _number()
    tenant_id = Text(validate=validate.Length(1, 64))


class ConsentSchema(Strict):
    """Somebody has agreed to get texts of a tenant. Marketing needs a `written` one."""

    tenant_id = Text(required=True, validate=validate.Length(1, 64))
    number = _number(required=True)
    purpose = fields.String(required=True, validate=validate.OneOf(PURPOSES))
    kind = fields.String(required=True, validate=validate.OneOf(CONSENT_KINDS))
    source = Text(
        required=True,
        validate=validate.Length(1, 200),
        metadata={"description": "Where it was given, as `web form 7`."},
    )
    evidence = fields.Dict(keys=fields.String(), load_default=None, allow_none=True)
    granted_at = fields.AwareDateTime(load_default=None, allow_none=True, default_timezone=UTC)
    expires_at = fields.AwareDateTime(load_default=None, allow_none=True, default_timezone=UTC)

    @validates_schema
    def in_order(self, data: dict[str, Any], **_: Any) -> None:
        """One that ends before it was given is a slip."""
        begin, end = data.get("granted_at"), data.get("expires_at")
        if end and end <= (begin or datetime.min.replace(tzinfo=UTC)):
            raise ValidationError({"expires_at": ["is not after granted_at"]})


class OptOutResource(Resource):
    """One wish to get no texts. It counts while `lifted_at` is null."""

    number = fields.String(required=True)
    scope = fields.String(required=True, metadata={"description": _SCOPE_TOLD})
    source = fields.String(required=True)
    evidence = fields.Dict(required=True, allow_none=True)
    at = UtcTime(required=True)
    lifted_at = UtcTime(required=True, allow_none=True)
    lifted_by = fields.String(required=True, allow_none=True)


class ConsentResource(Resource):
    """One consent. It counts until `expires_at` while `revoked_at` is null."""

    id = fields.UUID(required=True)
    tenant_id = fields.String(required=True)
    number = fields.String(required=True)
    purpose = fields.String(required=True)
    kind = fields.String(required=True)
    source = fields.String(required=True)
    evidence = fields.Dict(required=True, allow_none=True)
    granted_at = UtcTime(required=True)
    expires_at = UtcTime(required=True, allow_none=True)
    revoked_at = UtcTime(required=True, allow_none=True)
    revoked_by = fields.String(required=True, allow_none=True)


OPT_OUTS_PAGE: Final = OptOutsPageSchema()
OPT_OUT: Final = OptOutSchema()
LIFT: Final = LiftSchema()
CONSENTS_PAGE: Final = ConsentsPageSchema()
CONSENT: Final = ConsentSchema()
_OPT_OUT: Final = OptOutResource()
_CONSENT: Final = ConsentResource()


def opt_out(row: StoredOptOut) -> dict[str, Any]:
    """An opt-out as clients see it."""
    return cast("dict[str, Any]", _OPT_OUT.dump(row))


def consent(row: StoredConsent) -> dict[str, Any]:
    """A consent as clients see it."""
    return cast("dict[str, Any]", _CONSENT.dump(row))
