"""Every operation of the API in one table, as the documentation tells it. A test compares it with the routes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from marshmallow import Schema

from ingress.api import (
    call_resources,
    call_schemas,
    consent_schemas,
    delivery_schemas,
    endpoint_schemas,
    keeping_schemas,
    number_schemas,
    recording_schemas,
    resources,
    schemas,
    sender_schemas,
    transcription_schemas,
)
from shared.bulk_request import BulkSchema
from shared.endpoint_document import ChangesSchema, EndpointSchema, RotationSchema
from shared.number_document import NumberSchema
from shared.sms_job import SmsRequestSchema

KEY: Final = "apiKey"
USER: Final = "userToken"
SERVICE: Final = "serviceKey"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path. `answers` maps a status to (what it means, its schema); problems by their status.

    `media_types`: what an answer without a schema is.
    `other_bodies`: media types besides JSON, and what is in them.
    """

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
    is_body_optional: bool = False
    query: type[Schema] | None = None
    headers: tuple[str, ...] = ()
    is_list: bool = False
    has_sound: bool = False
    media_types: tuple[str, ...] = ()
    has_csv: bool = False
    description: str = ""
    other_bodies: Mapping[str, str] = field(default_factory=dict)


_WRITES: Final = ("IdempotencyKey", "Prefer")
_SENDER: Final = (
    "A number in E.164 (`+` as `%2B`), a short code, an alphanumeric sender, or the SID of a Messaging Service."
)
_NUMBER: Final = "A number in E.164 (`+` as `%2B`). Its `ETag` is the version of its routing."
_ENDPOINT: Final = "A key of one tenant sees that tenant's endpoints only."
_SOUND: Final = {
    "query": recording_schemas.SoundSchema,
    "headers": ("Range", "Purpose"),
    "security": (KEY, USER),
    "scope": "recordings:read",
    "has_sound": True,
    "problems": (401, 403, 404, 409, 410, 416, 422, 503),
    "answers": {200: ("What is known of the recording, or its sound.", recording_schemas.WholeRecordingResource)},
    "description": "JSON; the sound itself with `media=1`, `download=1` or an `Accept` header that prefers `audio/*`. Each MiB "
    "of it is compared with what was stored before any of it is passed on: damage is 503 `/problems/recording-damaged`, or "
    "breaks the connection off. Every read is kept in an audit. Another tenant's recording is 404, like one that never was.",
}

OPERATIONS: Final = (
    Operation(
        method="post", path="/api/sms/send", name="sendText", tag="texts", scope="sms:send",
        summary="Send a text", body=SmsRequestSchema, headers=_WRITES,
        description="Answers as soon as the text is safe with us. What becomes of it is told by `GET /api/sms/{id}` and "
        "by the notifications `sms.*`. Without `from` it goes out from the tenant's own number, the same for each person. "
        "The platform's spelling is read too: `tenantId` is `tenant_id`. A text that a rule forbids is kept with the decision "
        "and refused with 422 `/problems/not-permitted`, which names its `message_id` and the rules; one that would leave "
        "after its validity is refused with 422 `/problems/queue-too-long` and not kept. Of a text that a rule holds, "
        "`held_until` says when it may go.",
        answers={202: ("The text will be sent.", resources.MessageResource)},
        problems=(400, 401, 403, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="post", path="/api/sms/preview", name="previewText", tag="texts", scope="sms:send",
        summary="What would become of a text", body=schemas.PreviewSchema,
        description="Its parts and alphabet, who would send it, whether it may go, and when it would leave. Nothing is kept.",
        answers={200: ("What would become of it.", resources.PreviewResource)},
        problems=(400, 401, 403, 413, 415, 422, 503),
    ),
    Operation(
        method="get", path="/api/sms/{message_id}", name="showText", tag="texts", scope="sms:read",
        summary="One text, by our id or Twilio's",
        description="With the decision about it, every step it has taken, and our attempts.",
        answers={200: ("The text.", resources.WholeMessageResource)}, problems=(401, 403, 404, 503),
    ),
    Operation(
        method="get", path="/api/sms", name="listTexts", tag="texts", scope="sms:read",
        summary="The newest texts", query=schemas.TextsPageSchema, is_list=True,
        answers={200: ("A page of texts, newest first.", resources.MessageResource)}, problems=(401, 403, 422, 503),
    ),
    Operation(
        method="post", path="/api/sms/{message_id}/cancel", name="cancelText", tag="texts", scope="sms:send",
        summary="Call off a text that has not left", headers=("IdempotencyKey",),
        description="The same again changes nothing. 409 names the state of a text that has left, or has ended.",
        answers={200: ("It will not be sent.", resources.WholeMessageResource)},
        problems=(400, 401, 403, 404, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="post", path="/api/sms/{message_id}/resolve", name="resolveText", tag="texts", scope="sms:send",
        summary="Settle a parked text", body=schemas.ResolveSchema, headers=("IdempotencyKey",),
        description="Of a parked text nobody knows whether Twilio has it. A person may send it again, or let it be.",
        answers={200: ("It is settled.", resources.WholeMessageResource)},
        problems=(400, 401, 403, 404, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="post", path="/api/sms/bulk", name="sendBulk", tag="bulks", scope="sms:send",
        summary="Send texts to many people", body=BulkSchema, headers=("IdempotencyKey",),
        description="The key is required. What is wrong with one recipient is told of that one (`GET …/items`) and does not "
        "hold up the others; a number that comes twice gets one text. As CSV, the first line names the columns: `to`, and if "
        "wanted `body`, `media_urls` (by blanks), `idempotency_key`; every other column is a variable, and what all texts have "
        "in common is in the query string.",
        other_bodies={"text/csv": "A header row, then a line for each recipient."},
        answers={202: ("Every recipient is kept.", resources.BulkResource)},
        problems=(400, 401, 403, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="get", path="/api/sms/bulk/{bulk_id}", name="showBulk", tag="bulks", scope="sms:read",
        summary="How far a bulk has come",
        answers={200: ("The bulk.", resources.BulkResource)}, problems=(401, 403, 404, 503),
    ),
    Operation(
        method="get", path="/api/sms/bulk/{bulk_id}/items", name="listBulkItems", tag="bulks", scope="sms:read",
        summary="What became of its recipients", query=schemas.PageSchema, is_list=True,
        description="In the order of the request; as CSV for whoever prefers it.",
        has_csv=True,
        answers={200: ("A page of recipients.", resources.BulkItemResource)}, problems=(401, 403, 404, 422, 503),
    ),
    *(
        Operation(
            method="post", path=f"/api/sms/bulk/{{bulk_id}}/{name}", name=f"{name}Bulk", tag="bulks", scope="sms:send",
            summary=summary, description="The same again changes nothing.", headers=("IdempotencyKey",),
            answers={200: ("The bulk.", resources.BulkResource)},
            problems=(400, 401, 403, 404, 409, 413, 415, 422, 503),
        )
        for name, summary in (
            ("pause", "Let no more of its texts leave"),
            ("resume", "Let its texts leave again"),
            ("cancel", "Call off what of it has not left"),
        )
    ),
    Operation(
        method="get", path="/api/reports/delivery", name="reportDelivery", tag="texts", scope="sms:read",
        summary="What became of our texts, by tenant, day and error", query=schemas.DeliveryReportSchema,
        description="CSV with `Accept: text/csv`.", has_csv=True,
        answers={200: ("The report.", resources.DeliveryReport)}, problems=(401, 403, 422, 503),
    ),
    Operation(
        method="get", path="/api/calls", name="listCalls", tag="calls", scope="calls:read", security=(KEY, USER),
        summary="The newest calls", query=call_schemas.CallsPageSchema, is_list=True,
        description="A user of the platform sees the calls of their tenant.",
        answers={200: ("A page of calls, newest first.", call_resources.ListedCall)}, problems=(401, 403, 404, 422, 503),
    ),
    Operation(
        method="post", path="/api/calls", name="placeCall", tag="calls", scope="calls:control",
        summary="Place a call", body=call_schemas.PlaceSchema, headers=_WRITES,
        description="Answers as soon as the call is safe with us; `Prefer: wait=N` waits for Twilio. The callee hears `say`, "
        "and is then connected to `connect_to`. A call that a rule forbids now is kept with the decision and refused with 422 "
        "`/problems/not-permitted`, which names its `call_id`, the rules, and `allowed_at`, when it could be asked for again. "
        "One that expires is not placed, and one of which nobody knows whether it was is never placed again: it ends as "
        "`refused`, `in_doubt`. With `record`, and without a consent or a law that needs none, 409 "
        "`/problems/consent-required`.",
        answers={202: ("The call will be placed.", call_resources.PlacedCallResource)},
        problems=(400, 401, 403, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="get", path="/api/calls/{call_id}", name="showCall", tag="calls", scope="calls:read", security=(KEY, USER),
        summary="One call, by our id or its CallSid",
        description="With its legs, every step it has taken, what was asked to be done to it, and its recordings. A user of "
        "the platform sees the calls of their tenant.",
        answers={200: ("The call.", call_resources.WholeCall)}, problems=(401, 403, 404, 503),
    ),
    Operation(
        method="post", path="/api/calls/{call_id}/end", name="endCall", tag="calls", scope="calls:control",
        summary="End a call", headers=_WRITES,
        description="The CallSid of a leg ends that leg. A call that we place and that has not left is called off.",
        answers={
            200: ("The call is over: `ended` is true.", call_resources.EndedCall),
            202: ("The call will be ended: `ending` is true.", call_resources.EndedCall),
        },
        problems=(400, 401, 403, 404, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="post", path="/api/calls/{call_id}/redirect", name="redirectCall", tag="calls", scope="calls:control",
        summary="Send a live call elsewhere", body=call_schemas.RedirectSchema, headers=_WRITES,
        description="To another phone, to voicemail, or to hear something and be hung up. Of a call that is over, or only "
        "rings, the state is `overtaken`.",
        answers={
            200: ("It is done, or the call was over before.", call_resources.ControlResource),
            202: ("It will be done.", call_resources.ControlResource),
        },
        problems=(400, 401, 403, 404, 409, 413, 415, 422, 503),
    ),
    *(
        Operation(
            method="post", path=f"/api/calls/{{call_id}}/recording/{word}", name=f"{word}CallRecording", tag="recordings",
            scope="calls:control", summary=summary, headers=_WRITES,
            body=call_schemas.RecordStartSchema if word == "start" else None, is_body_optional=word == "start",
            description=description,
            answers={
                200: ("It is done, or stood so before.", call_resources.TapingResource),
                202: ("It will be done.", call_resources.TapingResource),
            },
            problems=(400, 401, 403, 404, 409, 413, 415, 422, 503),
        )
        for word, summary, description in (
            ("start", "Record a live call", "A channel for each side. 409 `/problems/consent-required` unless a consent is "
             "stored with the call, or the law of its parties asks for none, or you say that they have agreed."),
            ("pause", "Leave out what is said from now on", "409 when the call is not being recorded."),
            ("resume", "Go on recording", "409 when the call is not being recorded."),
            ("stop", "End the recording of a live call", "The call goes on."),
        )
    ),
    Operation(
        method="get", path="/api/calls/{call_id}/recording", name="showCallRecording", tag="recordings",
        summary="The newest recording of a call that can be heard", **_SOUND,
    ),
    Operation(
        method="get", path="/api/calls/{call_id}/recordings", name="listCallRecordings", tag="recordings",
        scope="recordings:read", security=(KEY, USER), query=recording_schemas.ReadSchema, headers=("Purpose",),
        summary="All recordings of a call and of its legs",
        answers={200: ("The recordings, newest first.", recording_schemas.CallRecordings)}, problems=(401, 403, 404, 422, 503),
    ),
    Operation(
        method="get", path="/api/recordings", name="listRecordings", tag="recordings", scope="recordings:read",
        security=(KEY, USER), query=recording_schemas.RecordingsPageSchema, headers=("Purpose",), is_list=True,
        summary="The newest recordings", description="A user, and a key of one tenant, sees the recordings of their tenant.",
        answers={200: ("A page of recordings, newest first.", recording_schemas.WholeRecordingResource)},
        problems=(401, 403, 422, 503),
    ),
    Operation(
        method="get", path="/api/recordings/{recording_sid}/waveform", name="showWaveform", tag="recordings",
        scope="recordings:read", security=(KEY, USER), query=recording_schemas.PictureSchema, headers=("Purpose",),
        summary="A picture of a recording", description="SVG; PNG with `format=png` or an `Accept` header that prefers it.",
        media_types=("image/svg+xml", "image/png"), answers={200: ("The picture.", None)},
        problems=(401, 403, 404, 409, 410, 422, 503),
    ),
    Operation(
        method="get", path="/api/recordings/{recording_sid}/transcription", name="showTranscription", tag="recordings",
        scope="recordings:read", security=(KEY, USER), query=recording_schemas.ReadSchema, headers=("Purpose",),
        summary="What was said in a recording",
        description="Secrets (cards, codes, social security and account numbers, passwords) were taken out before.",
        answers={200: ("What was said.", transcription_schemas.TranscriptionResource)},
        problems=(401, 403, 404, 410, 422, 503),
    ),
    Operation(
        method="get", path="/api/calls/{call_id}/transcriptions", name="listCallTranscriptions", tag="recordings",
        scope="recordings:read", security=(KEY, USER), query=recording_schemas.ReadSchema, headers=("Purpose",),
        summary="What was said in a call and in its legs",
        description="Also what was heard while it went on. Nothing of a recording whose deletion was asked for.",
        answers={200: ("The transcriptions, newest first.", transcription_schemas.CallTranscriptions)},
        problems=(401, 403, 404, 422, 503),
    ),
    Operation(
        method="get", path="/api/transcriptions", name="searchTranscriptions", tag="recordings", scope="recordings:read",
        security=(KEY, USER), query=transcription_schemas.SearchSchema, headers=("Purpose",), is_list=True,
        summary="Where something was said",
        description="A user, and a key of one tenant, searches in what is their tenant's.",
        answers={200: ("A page of transcriptions, newest first.", transcription_schemas.HitResource)},
        problems=(401, 403, 422, 503),
    ),
    Operation(
        method="get", path="/api/media/{token}", name="followLink", tag="recordings", security=(), headers=("Range",),
        summary="The sound behind a link of ours",
        description="Where the recordings are on a disk, `delivery=link` leads here. The link is all that is asked for, and "
        "lives for seconds.",
        media_types=("audio/*",), has_sound=True, answers={200: ("The sound.", None)}, problems=(404, 410, 416, 503),
    ),
    Operation(
        method="get", path="/api/recordings/{recording_sid}", name="showRecording", tag="recordings",
        summary="One recording, by its RecordingSid", **_SOUND,
    ),
    Operation(
        method="delete", path="/api/recordings/{recording_sid}", name="deleteRecording", tag="recordings",
        scope="recordings:delete", summary="Delete a recording, here and at Twilio", query=keeping_schemas.DeleteSchema,
        description="Nobody hears it from now on. The same again tells how far it has come. 409 `/problems/legal-hold` while "
        "it is held.",
        answers={
            200: ("It is gone; the receipts prove it.", keeping_schemas.DeletionResource),
            202: ("It will be deleted.", keeping_schemas.DeletionResource),
        },
        problems=(401, 403, 404, 409, 422, 503),
    ),
    Operation(
        method="get", path="/api/recordings/{recording_sid}/deletion", name="showDeletion", tag="recordings",
        scope="recordings:read", security=(KEY, USER), summary="The deletion of a recording, and its receipts",
        answers={200: ("The deletion.", keeping_schemas.DeletionResource)}, problems=(401, 403, 404, 503),
    ),
    Operation(
        method="put", path="/api/recordings/{recording_sid}/retention", name="classifyRecording", tag="recordings",
        scope="recordings:delete", summary="Give a recording its retention class", body=keeping_schemas.ClassSchema,
        answers={200: ("How long it is kept.", keeping_schemas.KeptResource)},
        problems=(400, 401, 403, 404, 413, 415, 422, 503),
    ),
    Operation(
        method="post", path="/api/recordings/{recording_sid}/hold", name="holdRecording", tag="recordings",
        scope="recordings:delete", summary="Hold a recording back from deletion", body=keeping_schemas.ReasonSchema,
        answers={201: ("The hold, in force.", keeping_schemas.HoldResource)},
        problems=(400, 401, 403, 404, 413, 415, 422, 503),
    ),
    Operation(
        method="get", path="/api/holds", name="listHolds", tag="recordings", scope="recordings:read", security=(KEY, USER),
        summary="The newest legal holds", query=keeping_schemas.HoldsPageSchema, is_list=True,
        answers={200: ("A page of holds, newest first.", keeping_schemas.HoldResource)}, problems=(401, 403, 404, 422, 503),
    ),
    Operation(
        method="post", path="/api/holds", name="placeHold", tag="recordings", scope="recordings:delete",
        summary="Hold a recording, a call or a tenant back from deletion", body=keeping_schemas.HoldSchema,
        description="Nothing of it is deleted until the hold is lifted, here or at Twilio, by nobody. What had begun to go "
        "before goes.",
        answers={201: ("The hold, in force.", keeping_schemas.HoldResource)},
        problems=(400, 401, 403, 404, 413, 415, 422, 503),
    ),
    Operation(
        method="delete", path="/api/holds/{hold_id}", name="liftHold", tag="recordings", scope="recordings:delete",
        summary="Lift a hold", answers={200: ("The hold, which does not count any more.", keeping_schemas.HoldResource)},
        problems=(401, 403, 404, 503),
    ),
    *(
        Operation(
            method=method, path="/api/retention/{class}", name=name, tag="recordings", scope=scope, summary=summary,
            security=(KEY, USER) if method == "get" else (KEY,), query=keeping_schemas.TenantSchema,
            body=keeping_schemas.RetentionSchema if method == "put" else None,
            description="Of a tenant, or without `tenant_id` of everybody who has none of their own.",
            answers={200: (meaning, keeping_schemas.RetentionResource)},
            problems=(400, 401, 403, 404, 413, 415, 422, 503) if method == "put" else (401, 403, 404, 422, 503),
        )
        for method, name, scope, summary, meaning in (
            ("get", "showRetention", "recordings:read", "How long recordings of a class are kept", "The class."),
            ("put", "setRetention", "recordings:delete", "Set how long recordings of a class are kept",
             "The class, in force at once, for what is stored already too."),
            ("delete", "unsetRetention", "recordings:delete", "Let a class be as everybody's again",
             "The class, which does not count any more."),
        )
    ),
    Operation(
        method="get", path="/api/events", name="listEvents", tag="events", scope="events:read",
        summary="What happened at Twilio to one call, text or recording", query=schemas.EventsPageSchema, is_list=True,
        answers={200: ("A page of events, newest first.", resources.EventResource)}, problems=(401, 403, 422, 503),
    ),
    Operation(
        method="get", path="/api/deliveries", name="listDeliveries", tag="downstream", scope="events:read",
        summary="What became of what subscribers were told", query=delivery_schemas.DeliveriesPageSchema, is_list=True,
        description="`state=failed` are the dead letters. A key of one tenant sees its tenant's notifications to its tenant's "
        "endpoints.",
        answers={200: ("A page of deliveries, newest first.", delivery_schemas.DeliveryResource)},
        problems=(401, 403, 422, 503),
    ),
    Operation(
        method="get", path="/api/deliveries/{delivery_id}", name="showDelivery", tag="downstream", scope="events:read",
        summary="One delivery, the text that is sent, and its attempts",
        answers={200: ("The delivery.", delivery_schemas.WholeDeliveryResource)}, problems=(401, 403, 404, 503),
    ),
    Operation(
        method="post", path="/api/deliveries/{delivery_id}/redrive", name="redriveDelivery", tag="downstream",
        scope="events:replay", summary="Tell a dead letter again", headers=("IdempotencyKey",),
        description="At once, under the same `webhook-id`; its schedule starts anew. One that waits already is left as it is. "
        "409 `/problems/endpoint-closed` says what to do about its endpoint; 409 `/problems/wrong-state` when it is no dead "
        "letter.",
        answers={200: ("The delivery, which waits.", delivery_schemas.WholeDeliveryResource)},
        problems=(400, 401, 403, 404, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="post", path="/api/deliveries/redrive", name="redriveDeliveries", tag="downstream", scope="events:replay",
        summary="Tell dead letters again, by filter or range", body=delivery_schemas.RedriveSchema,
        headers=("IdempotencyKey",),
        description="A dry run unless `dry_run` is false: how many, of which endpoint, type and reason. The oldest go first, "
        "`limit` in one request; `left` says how many are for the next. Those of endpoints that are disabled or deleted are "
        "counted as `refused`.",
        answers={200: ("What was found, and what was done.", delivery_schemas.RedrivenResource)},
        problems=(400, 401, 403, 404, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="get", path="/api/notifications/{notification_id}", name="showNotification", tag="downstream",
        scope="events:read", summary="One notification, by its `webhook-id`",
        answers={200: ("The notification.", delivery_schemas.NotificationResource)}, problems=(401, 403, 404, 503),
    ),
    Operation(
        method="get", path="/api/notifications/{notification_id}/deliveries", name="listNotificationDeliveries",
        tag="downstream", scope="events:read", summary="To whom it is told", query=schemas.PageSchema, is_list=True,
        answers={200: ("A page of deliveries, newest first.", delivery_schemas.DeliveryResource)},
        problems=(401, 403, 404, 422, 503),
    ),
    Operation(
        method="get", path="/api/notifications/{notification_id}/attempts", name="listNotificationAttempts",
        tag="downstream", scope="events:read", summary="Every request that was made for it",
        answers={200: ("The attempts, the first one first.", delivery_schemas.NotifyingAttempts)},
        problems=(401, 403, 404, 503),
    ),
    Operation(
        method="post", path="/api/endpoints/{endpoint_id}/replays", name="startReplay", tag="downstream",
        scope="events:replay", summary="Tell an endpoint once more what happened in a range of time",
        body=delivery_schemas.ReplaySchema, headers=("IdempotencyKey",),
        description="A dry run unless `dry_run` is false. Any range; the endpoint's own types and tenant hold. In the order in "
        "which it happened, behind what already waits of the same order; the ids stay the same. It holds back while much waits "
        "for the endpoint. 409 `/problems/endpoint-closed` says what to do about an endpoint that is told nothing.",
        answers={
            200: ("What it would tell, and how long it would take.", delivery_schemas.ReplayPlanResource),
            202: ("It has begun.", delivery_schemas.WholeReplayResource),
        },
        problems=(400, 401, 403, 404, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="get", path="/api/endpoints/{endpoint_id}/replays", name="listReplays", tag="downstream",
        scope="events:read", summary="The newest replays of an endpoint", query=schemas.PageSchema, is_list=True,
        answers={200: ("A page of replays, newest first.", delivery_schemas.ReplayResource)},
        problems=(401, 403, 404, 422, 503),
    ),
    Operation(
        method="get", path="/api/replays/{replay_id}", name="showReplay", tag="downstream", scope="events:read",
        summary="How far a replay has come",
        answers={200: ("The replay.", delivery_schemas.WholeReplayResource)}, problems=(401, 403, 404, 503),
    ),
    Operation(
        method="delete", path="/api/replays/{replay_id}", name="cancelReplay", tag="downstream", scope="events:replay",
        summary="Call off a replay", description="What of it waits is told no more. The same again changes nothing.",
        answers={200: ("The replay, canceled.", delivery_schemas.WholeReplayResource)}, problems=(401, 403, 404, 503),
    ),
    Operation(
        method="get", path="/api/event-types", name="listEventTypes", tag="events", scope="events:read",
        summary="Every type of notification, with its JSON Schema and an example",
        description="For whoever builds a receiver: the same as `webhooks` of this document. All of them at once.",
        answers={200: ("The catalogue.", resources.EventTypes)}, problems=(401, 403, 503),
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
        method="get", path="/api/senders", name="listSenders", tag="senders", scope="sms:read",
        summary="Senders that were set, or at which texts wait", query=sender_schemas.SendersPageSchema, is_list=True,
        answers={200: ("A page of senders, by name.", sender_schemas.SenderResource)}, problems=(401, 403, 422, 503),
    ),
    Operation(
        method="get", path="/api/senders/{sender}", name="showSender", tag="senders", scope="sms:read",
        summary="One sender", description=f"{_SENDER} One that was never set is shown as it is used: as its kind allows.",
        answers={200: ("The sender.", sender_schemas.SenderResource)}, problems=(401, 403, 404, 503),
    ),
    Operation(
        method="put", path="/api/senders/{sender}", name="setSender", tag="senders", scope="admin",
        summary="Set how a sender may be used", body=sender_schemas.SenderSchema,
        description=f"{_SENDER} What is left out is as its kind allows; a pause is left as it is.",
        answers={200: ("The sender.", sender_schemas.SenderResource)}, problems=(400, 401, 403, 404, 413, 415, 422, 503),
    ),
    Operation(
        method="post", path="/api/senders/{sender}/pause", name="pauseSender", tag="senders", scope="admin",
        summary="Let nothing leave from a sender for a while", body=sender_schemas.PauseSchema,
        description="It takes the place of the pause in force, be it shorter. Texts that expire meanwhile are not sent. "
        "To pause a service pauses all its numbers.",
        answers={200: ("The sender.", sender_schemas.SenderResource)}, problems=(400, 401, 403, 404, 413, 415, 422, 503),
    ),
    Operation(
        method="post", path="/api/senders/{sender}/resume", name="resumeSender", tag="senders", scope="admin",
        summary="Let texts leave from a sender again", description="Of a sender that is not paused it changes nothing.",
        answers={200: ("The sender.", sender_schemas.SenderResource)}, problems=(400, 401, 403, 404, 413, 415, 422, 503),
    ),
    Operation(
        method="get", path="/api/numbers", name="listNumbers", tag="numbers", scope="calls:read",
        summary="Our business numbers", query=number_schemas.NumbersPageSchema, is_list=True,
        answers={200: ("A page of numbers, in order.", number_schemas.NumberResource)}, problems=(401, 403, 422, 503),
    ),
    Operation(
        method="get", path="/api/numbers/{number}", name="showNumber", tag="numbers", scope="calls:read",
        summary="One number, and where its calls go", description=_NUMBER,
        answers={200: ("The number.", number_schemas.NumberResource)}, problems=(401, 403, 404, 503),
    ),
    Operation(
        method="put", path="/api/numbers/{number}", name="setNumber", tag="numbers", scope="admin",
        summary="Set whose a number is and where its calls go", body=NumberSchema, headers=("IfMatch",),
        description=f"{_NUMBER} The whole of it: what is left out is as by default. In effect within seconds, for calls that "
        "come in from then on. The same again is no new version.",
        answers={200: ("The number.", number_schemas.NumberResource), 201: ("A new number.", number_schemas.NumberResource)},
        problems=(400, 401, 403, 404, 412, 413, 415, 422, 503),
    ),
    Operation(
        method="get", path="/api/numbers/{number}/versions", name="listNumberVersions", tag="numbers", scope="calls:read",
        summary="What a number was changed to, by whom and when", query=schemas.PageSchema, is_list=True,
        answers={200: ("A page of versions, newest first.", number_schemas.VersionResource)},
        problems=(401, 403, 404, 422, 503),
    ),
    Operation(
        method="post", path="/api/numbers/{number}/preview", name="previewCall", tag="numbers", scope="calls:read",
        summary="What would become of a call", body=number_schemas.PreviewCallSchema,
        description="By the number's routing, or by one that is only tried. Nothing is kept and nobody is rung.",
        answers={200: ("What would become of it.", number_schemas.RouteResource)},
        problems=(400, 401, 403, 404, 413, 415, 422, 503),
    ),
    Operation(
        method="post", path="/api/endpoints", name="addEndpoint", tag="endpoints", scope="endpoints:write",
        summary="Have somebody notified", body=EndpointSchema, headers=("IdempotencyKey",),
        description=f"The secret is in this answer, and in none after it. {_ENDPOINT} 409 for an id that is taken; that of a "
        "deleted endpoint of the same tenant is free.",
        answers={201: ("The endpoint, notified from now on.", endpoint_schemas.SecretEndpointResource)},
        problems=(400, 401, 403, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="get", path="/api/endpoints", name="listEndpoints", tag="endpoints", scope="endpoints:read",
        summary="Who is notified", query=endpoint_schemas.EndpointsPageSchema, is_list=True, description=_ENDPOINT,
        answers={200: ("A page of endpoints, by id.", endpoint_schemas.EndpointResource)},
        problems=(401, 403, 404, 422, 503),
    ),
    Operation(
        method="get", path="/api/endpoints/{endpoint_id}", name="showEndpoint", tag="endpoints", scope="endpoints:read",
        summary="One endpoint, how it answers and what waits there", description=_ENDPOINT,
        answers={200: ("The endpoint.", endpoint_schemas.WholeEndpointResource)}, problems=(401, 403, 404, 503),
    ),
    Operation(
        method="patch", path="/api/endpoints/{endpoint_id}", name="changeEndpoint", tag="endpoints", scope="endpoints:write",
        summary="Change an endpoint", body=ChangesSchema, headers=("IfMatch",),
        description="What is left out stays as it is. Enabled again, or moved to another address, it is taken for one that is "
        "well, and what has waited is told.",
        answers={200: ("The endpoint.", endpoint_schemas.EndpointResource)},
        problems=(400, 401, 403, 404, 412, 413, 415, 422, 503),
    ),
    Operation(
        method="delete", path="/api/endpoints/{endpoint_id}", name="deleteEndpoint", tag="endpoints", scope="endpoints:write",
        summary="Have somebody notified no more",
        description="What waits for it is canceled. To keep it, set `enabled` to false instead.",
        answers={200: ("The endpoint as it was.", endpoint_schemas.DeletedEndpointResource)}, problems=(401, 403, 404, 503),
    ),
    Operation(
        method="post", path="/api/endpoints/{endpoint_id}/rotate", name="rotateEndpoint", tag="endpoints",
        scope="endpoints:write", summary="Give an endpoint a new secret", body=RotationSchema, is_body_optional=True,
        headers=("IdempotencyKey",),
        description="The new secret is in this answer, and in none after it. For `overlap_s` seconds notifications carry two "
        "signatures, of which a receiver needs one; rotated again meanwhile, the oldest secret signs no more.",
        answers={200: ("The endpoint with its new secret.", endpoint_schemas.SecretEndpointResource)},
        problems=(400, 401, 403, 404, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="post", path="/api/endpoints/{endpoint_id}/test", name="testEndpoint", tag="endpoints",
        scope="endpoints:write", summary="Tell an endpoint `endpoint.test`", headers=_WRITES,
        description="On the way that every notification takes, at the endpoint's rate, and while it is failing not before its "
        "next probe. 409 while it is disabled.",
        answers={
            200: ("What it answered.", endpoint_schemas.TestResource),
            202: ("It will be told.", endpoint_schemas.TestResource),
        },
        problems=(400, 401, 403, 404, 409, 413, 415, 422, 503),
    ),
    Operation(
        method="get", path="/api/endpoints/{endpoint_id}/attempts", name="listAttempts", tag="endpoints",
        scope="endpoints:read", summary="What an endpoint was told, and what it answered",
        query=endpoint_schemas.AttemptsPageSchema, is_list=True, description="Attempts are kept for 30 days.",
        answers={200: ("A page of attempts, newest first.", endpoint_schemas.AttemptResource)},
        problems=(401, 403, 404, 422, 503),
    ),
    Operation(
        method="post", path="/internal/sms/send", name="sendPlatformText", tag="platform", security=(SERVICE,),
        summary="Send a text for a sibling service", body=schemas.PlatformTextSchema, headers=_WRITES,
        description="Fields we do not know are left alone. Without `purpose` a text is part of a conversation: it goes first, "
        "and is worth sending for an hour.",
        answers={202: ("The text will be sent.", resources.PlatformAnswer)},
        problems=(400, 401, 409, 413, 415, 422, 503),
    ),
)  # fmt: skip
