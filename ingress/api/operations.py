"""Every operation of the API in one table, as the documentation tells it. A test compares it with the routes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from marshmallow import Schema

from ingress.api import consent_schemas, resources, schemas
from shared.sms_job import SmsRequestSchema

KEY: Final = "apiKey"
USER: Final = "userToken"
SERVICE: Final = "serviceKey"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path. `answers` maps a status to (what it means, its schema); problems by their status."""

    method: str
    path: str
    name: str
    tag: str
    summary: str
    answers: Mapping[int, tuple[str, type[Schema] | None]]
    problems: tuple[int, ...]
    scope: str = ""
    security: tuple[str, ...] = (KEY,)
    body: type[Schema] | None = None
    query: type[Schema] | None = None
    headers: tuple[str, ...] = ()
    is_list: bool = False
    has_sound: bool = False
    has_csv: bool = False
    description: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


_WRITES: Final = ("IdempotencyKey", "Prefer")
_SOUND: Final = {
    "query": schemas.MediaChoiceSchema,
    "headers": ("Range",),
    "security": (KEY, USER),
    "scope": "recordings:read",
    "has_sound": True,
    "problems": (401, 403, 404, 409, 410, 416, 422, 503),
    "answers": {200: ("What is known of the recording, or its sound.", resources.RecordingResource)},
    "description": "JSON; the sound itself with `media=1` or an `Accept` header that prefers `audio/*`.",
}

OPERATIONS: Final = (
    Operation(
        method="post", path="/api/sms/send", name="sendText", tag="texts", scope="sms:send",
        summary="Send a text", body=SmsRequestSchema, headers=_WRITES,
        description="Answers as soon as the text is safe with us. What becomes of it is told by `GET /api/sms/{id}` and "
        "by the notifications `sms.*`. Without `from` it goes out from the tenant's own number; `tenantId` is read as "
        "`tenant_id`.",
        answers={202: ("The text will be sent.", resources.MessageResource)},
        problems=(400, 401, 403, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="get", path="/api/sms/{message_id}", name="showText", tag="texts", scope="sms:read",
        summary="One text, by our id or Twilio's",
        answers={200: ("The text.", resources.MessageResource)}, problems=(401, 403, 404, 503),
    ),
    Operation(
        method="get", path="/api/sms", name="listTexts", tag="texts", scope="sms:read",
        summary="The newest texts", query=schemas.TextsPageSchema, is_list=True,
        answers={200: ("A page of texts, newest first.", resources.MessageResource)}, problems=(401, 403, 422, 503),
    ),
    Operation(
        method="get", path="/api/reports/delivery", name="reportDelivery", tag="texts", scope="sms:read",
        summary="What became of our texts, by tenant, day and error", query=schemas.DeliveryReportSchema,
        description="CSV with `Accept: text/csv`.", has_csv=True,
        answers={200: ("The report.", resources.DeliveryReport)}, problems=(401, 403, 422, 503),
    ),
    Operation(
        method="get", path="/api/calls/{call_id}", name="showCall", tag="calls", scope="calls:read",
        summary="One call, by our id or its CallSid",
        answers={200: ("The call.", resources.CallResource)}, problems=(401, 403, 404, 503),
    ),
    Operation(
        method="post", path="/api/calls/{call_id}/end", name="endCall", tag="calls", scope="calls:control",
        summary="End a call", headers=_WRITES,
        answers={
            200: ("The call is over: `ended` is true.", resources.EndedCall),
            202: ("The call will be ended: `ending` is true.", resources.EndedCall),
        },
        problems=(400, 401, 403, 404, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="get", path="/api/calls/{call_id}/recording", name="showCallRecording", tag="recordings",
        summary="The recording of a call", **_SOUND,
    ),
    Operation(
        method="get", path="/api/recordings/{recording_sid}", name="showRecording", tag="recordings",
        summary="One recording, by its RecordingSid", **_SOUND,
    ),
    Operation(
        method="get", path="/api/events", name="listEvents", tag="events", scope="events:read",
        summary="What happened at Twilio to one call, text or recording", query=schemas.EventsPageSchema, is_list=True,
        answers={200: ("A page of events, newest first.", resources.EventResource)}, problems=(401, 403, 422, 503),
    ),
    Operation(
        method="get", path="/api/opt-outs", name="listOptOuts", tag="consent", scope="consent:read",
        summary="The newest opt-outs", query=consent_schemas.OptOutsPageSchema, is_list=True,
        answers={200: ("A page of opt-outs, newest first.", consent_schemas.OptOutResource)}, problems=(401, 403, 422, 503),
    ),
    Operation(
        method="post", path="/api/opt-outs", name="addOptOut", tag="consent", scope="consent:write",
        summary="Somebody wants no texts", body=consent_schemas.OptOutSchema, headers=("IdempotencyKey",),
        description="For wishes that were told on another way than by text. No START lifts it.",
        answers={201: ("The opt-out, in force.", consent_schemas.OptOutResource)},
        problems=(400, 401, 403, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="delete", path="/api/opt-outs/{number}", name="liftOptOut", tag="consent", scope="consent:write",
        summary="Lift an opt-out", query=consent_schemas.LiftSchema,
        description="Twilio's own list is another: a text to somebody who has texted STOP still fails with 21610.",
        answers={200: ("The opt-out, which does not count any more.", consent_schemas.OptOutResource)},
        problems=(401, 403, 404, 422, 503),
    ),
    Operation(
        method="get", path="/api/consents", name="listConsents", tag="consent", scope="consent:read",
        summary="The newest consents", query=consent_schemas.ConsentsPageSchema, is_list=True,
        answers={200: ("A page of consents, newest first.", consent_schemas.ConsentResource)}, problems=(401, 403, 422, 503),
    ),
    Operation(
        method="post", path="/api/consents", name="grantConsent", tag="consent", scope="consent:write",
        summary="Somebody has agreed to texts", body=consent_schemas.ConsentSchema, headers=("IdempotencyKey",),
        description="It takes the place of the one that the number, the tenant and the purpose have.",
        answers={201: ("The consent, in force.", consent_schemas.ConsentResource)},
        problems=(400, 401, 403, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="get", path="/api/consents/{consent_id}", name="showConsent", tag="consent", scope="consent:read",
        summary="One consent", answers={200: ("The consent.", consent_schemas.ConsentResource)},
        problems=(401, 403, 404, 503),
    ),
    Operation(
        method="post", path="/api/consents/{consent_id}/revoke", name="revokeConsent", tag="consent", scope="consent:write",
        summary="Revoke a consent", headers=("IdempotencyKey",),
        answers={200: ("The consent, which does not count any more.", consent_schemas.ConsentResource)},
        problems=(400, 401, 403, 404, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="post", path="/internal/sms/send", name="sendPlatformText", tag="platform", security=(SERVICE,),
        summary="Send a text for a sibling service", body=schemas.PlatformTextSchema, headers=_WRITES,
        description="`tenantId` is read as `tenant_id`, and fields we do not know are left alone.",
        answers={202: ("The text will be sent.", resources.PlatformAnswer)},
        problems=(400, 401, 409, 413, 415, 422, 503),
    ),
)  # fmt: skip
