"""What may be said of an endpoint: one schema for the HTTP API and the CLI, telling every fault at once.

A fault never repeats a secret or the value of a header.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, cast, get_args

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from shared.db.endpoints import CONCURRENCY, Adapter, Endpoint
from shared.domain.allow_list import AllowList
from shared.domain.endpoint_rules import checked_headers, checked_platform_url, checked_url
from shared.domain.endpoint_secret import checked_secret
from shared.domain.notices import FOR_AS_CALL, TYPES
from shared.sms_job import Text

ID: Final = re.compile(r"[a-z0-9-]{1,64}")  # as the schema asks
LONGEST_DESCRIPTION: Final = 500  # as the schema asks
MOST_CONCURRENCY: Final = 64  # as the schema asks: half of the couriers of one process
# One in a quarter of an hour is slower than anybody means; ten thousand a second more than we tell.
SLOWEST, FASTEST = 0.001, 10_000.0
# A day to give the new secret to every receiver; a week for those who deploy on Tuesdays.
OVERLAP_S: Final = 24 * 3600
LONGEST_OVERLAP_S: Final = 7 * 24 * 3600


class ChangesSchema(Schema):
    """What of an endpoint may be changed. What is left out stays as it is (RFC 7396)."""

    class Meta:
        unknown = RAISE

    url = fields.String(
        metadata={"description": "https and public, unless the operators allow the host. Redirects are not followed."}
    )
    description = Text(validate=validate.Length(max=LONGEST_DESCRIPTION))
    types = fields.List(
        fields.String(validate=validate.OneOf(sorted(TYPES))),
        validate=validate.Length(max=len(TYPES)),
        metadata={"description": "Types of notifications. Empty: all of them, those of later releases too."},
    )
    tenant_id = Text(
        allow_none=True,
        validate=validate.Length(1, 64),
        metadata={"description": "Only what is of this tenant. Null: everybody's."},
    )
    headers = fields.Dict(
        keys=fields.String(),
        values=fields.String(allow_none=True),
        metadata={
            "description": "Sent with every notification. Values are never shown again. In a change, a header that is not "
            "named stays, and one that is null goes."
        },
    )
    rate_per_s = fields.Float(
        allow_none=True,
        validate=validate.Range(SLOWEST, FASTEST),
        metadata={"description": "Requests a second, at most. Null: as fast as it answers."},
    )
    concurrency = fields.Integer(
        strict=True,
        validate=validate.Range(1, MOST_CONCURRENCY),
        metadata={"description": "Requests under way at once, at most.", "default": CONCURRENCY},
    )
    enabled = fields.Boolean(
        truthy={True},
        falsy={False},
        metadata={"description": "False: it is told nothing; what waited for it is kept.", "default": True},
    )


class EndpointSchema(ChangesSchema):
    """A new endpoint."""

    id = fields.String(
        validate=validate.Regexp(r"[a-z0-9-]{1,64}\Z", error="must be 1 to 64 of a-z, 0-9 and -"),
        metadata={"description": "How it is called from now on. Without: one is made."},
    )
    url = fields.String(
        required=True,
        metadata={"description": "https and public, unless the operators allow the host. Redirects are not followed."},
    )
    headers = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "Sent with every notification. Values are never shown again."},
    )
    adapter = fields.String(
        load_default="standard",
        validate=validate.OneOf(get_args(Adapter)),
        metadata={"description": "`as-call-service`: in that service's own words, unsigned, with the platform's key."},
    )
    secret = fields.String(
        metadata={"description": "`whsec_` and the base64 of 24 to 64 bytes (Standard Webhooks). Without: one is made."}
    )


class RotationSchema(Schema):
    """A new secret, and for how long the one before signs, too."""

    class Meta:
        unknown = RAISE

    overlap_s = fields.Integer(
        load_default=OVERLAP_S,
        strict=True,
        validate=validate.Range(0, LONGEST_OVERLAP_S),
        metadata={"description": "Seconds for which both sign."},
    )
    secret = fields.String(
        metadata={"description": "`whsec_` and the base64 of 24 to 64 bytes (Standard Webhooks). Without: one is made."}
    )


Faults = dict[str, list[Any]]


def read(body: Any, allowed: AllowList, *, bound_to: str | None = None) -> dict[str, Any]:
    """A new endpoint as it was asked for. `bound_to`: whoever asks may speak for this tenant only.

    Raises ValidationError with every fault.
    """
    said, faults = _loaded(ENDPOINT, body)
    _judge(said, faults, said.get("adapter", "standard"), allowed)
    if bound_to is not None:
        _judge_bound(said, faults, bound_to)
    _try(faults, "headers", lambda: said.update(headers=checked_headers(said.get("headers") or {})))
    if "secret" in said:
        _try(faults, "secret", lambda: checked_secret(said["secret"]))
        if said.get("adapter") == "as-call-service":
            _add(faults, "secret", "as-call-service verifies no signature")
    return _unless(faults, said)


def read_changes(body: Any, before: Endpoint, allowed: AllowList, *, bound_to: str | None = None) -> Endpoint:
    """The endpoint as it is to be. Raises ValidationError with every fault."""
    said, faults = _loaded(CHANGES, body)
    _judge(said, faults, before.adapter, allowed)
    if bound_to is not None and said.get("tenant_id", bound_to) != bound_to:
        _add(faults, "tenant_id", "must be your own")
    if "headers" in said:
        merged = _merged(before.headers, said["headers"])
        _try(faults, "headers", lambda: said.update(headers=checked_headers(merged)))
    _unless(faults, said)
    is_enabled = said.get("enabled", before.enabled)
    return replace(before, **said, disabled_reason=None if is_enabled else before.disabled_reason or "asked")


def read_rotation(body: Any, before: Endpoint) -> tuple[str | None, int]:
    """The new secret, if one is given, and the seconds for which both sign. Raises ValidationError."""
    said, faults = _loaded(ROTATION, body)
    if "secret" in said:
        _try(faults, "secret", lambda: checked_secret(said["secret"]))
        if said["secret"] in (before.secret, before.previous_secret):
            _add(faults, "secret", "must be another than before")
    _unless(faults, said)
    return said.get("secret"), said["overlap_s"]


def _loaded(schema: Schema, body: Any) -> tuple[dict[str, Any], Faults]:
    """What is well formed of it, and the faults of the rest."""
    try:
        return cast("dict[str, Any]", schema.load(body)), {}
    except ValidationError as refused:
        said = refused.valid_data if isinstance(refused.valid_data, dict) else {}
        faults = cast("Faults", refused.normalized_messages())
        return {name: value for name, value in said.items() if name not in faults}, faults


def _judge(said: dict[str, Any], faults: Faults, adapter: Adapter, allowed: AllowList) -> None:
    if "url" in said:
        check = checked_platform_url if adapter == "as-call-service" else checked_url
        _try(faults, "url", lambda: check(said["url"], allowed))
    if adapter != "as-call-service":
        return
    if "url" in said:
        said["url"] = said["url"].rstrip("/")  # paths of its own follow
    if "types" in said:
        said["types"] = said["types"] or list(FOR_AS_CALL)
        if not set(said["types"]) <= set(FOR_AS_CALL):
            _add(faults, "types", f"as-call-service takes {', '.join(FOR_AS_CALL)}")
    if said.get("headers"):
        _add(faults, "headers", "as-call-service is sent none")


def _judge_bound(said: dict[str, Any], faults: Faults, bound_to: str) -> None:
    if said.setdefault("tenant_id", bound_to) != bound_to:
        _add(faults, "tenant_id", "must be your own")
    if said.get("adapter") == "as-call-service":
        _add(faults, "adapter", "is the platform's own")


def _merged(before: Mapping[str, str], said: Mapping[str, str | None]) -> dict[str, str]:
    """A JSON merge patch of headers (RFC 7396); their names are the same in capitals."""
    changed = {name.lower() for name in said}
    kept = {name: value for name, value in before.items() if name.lower() not in changed}
    return kept | {name: value for name, value in said.items() if value is not None}


def _try(faults: Faults, name: str, check: Any) -> None:
    """Where something is wrong with it already, that says enough."""
    if name in faults:
        return
    try:
        check()
    except ValueError as fault:
        _add(faults, name, str(fault))


def _add(faults: Faults, name: str, message: str) -> None:
    faults.setdefault(name, []).append(message)


def _unless(faults: Faults, said: dict[str, Any]) -> dict[str, Any]:
    if faults:
        raise ValidationError(cast("dict[str | int, Any]", faults))
    return said


CHANGES: Final = ChangesSchema()
ENDPOINT: Final = EndpointSchema()
ROTATION: Final = RotationSchema()
