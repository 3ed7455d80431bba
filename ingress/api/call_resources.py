"""What clients get to see of calls."""

from collections.abc import Sequence
from typing import Any, Final, cast

from marshmallow import Schema, fields

from ingress.api.resources import RecordingResource, Resource, RuleResource, UtcTime, recording
from shared.db.call_controls import Control
from shared.db.call_overview import CallOverview
from shared.db.call_steps import Step
from shared.db.placed_calls import PlacedCall
from shared.db.recordings import Recording
from shared.domain.call_taping import Taping
from shared.domain.status import PLACE_RANK


class CallConsentResource(Resource):
    """On what ground a call may be recorded."""

    way = fields.String(required=True, metadata={"enum": ["none", "announce", "press", "asserted"]})
    state = fields.String(
        required=True, metadata={"enum": ["not-needed", "announced", "asked", "given", "declined", "asserted"]}
    )
    rule = fields.Dict(required=True, allow_none=True, metadata={"description": "Whose law, or whose word."})


class ListedCall(Resource):
    """One call leg."""

    id = fields.UUID(required=True)
    call_sid = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Null while Twilio does not have a call that we place."},
    )
    parent_call_sid = fields.String(required=True, allow_none=True)
    tenant_id = fields.String(required=True, allow_none=True)
    direction = fields.String(required=True)
    from_ = fields.String(required=True, data_key="from", attribute="from_number")
    to = fields.String(required=True, attribute="to_number")
    status = fields.String(required=True, metadata={"description": "Twilio's word."})
    dial_status = fields.String(required=True, allow_none=True)
    route = fields.String(required=True, allow_none=True)
    route_reason = fields.String(required=True, allow_none=True)
    screening = fields.String(required=True, allow_none=True)
    accepted = fields.Boolean(
        required=True, allow_none=True, metadata={"description": "Somebody pressed 1 to take it."}
    )
    answered_by = fields.String(required=True, allow_none=True)
    decision = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "`answered`, `missed`, or `screened` by our own rules."},
    )
    text_back = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Of a missed call: `wanted` if its caller is to be texted, or why not."},
    )
    duration_s = fields.Integer(required=True, allow_none=True)
    stir = fields.String(required=True, allow_none=True, metadata={"description": "Twilio's `StirVerstat`."})
    forwarded_from = fields.String(required=True, allow_none=True)
    caller_name = fields.String(required=True, allow_none=True)
    sip_code = fields.Integer(required=True, allow_none=True)
    error_code = fields.Integer(required=True, allow_none=True)
    recording_wanted = fields.Boolean(required=True)
    consent = fields.Nested(CallConsentResource, required=True, allow_none=True)
    started_at = UtcTime(required=True)
    ended_at = UtcTime(required=True, allow_none=True)
    decided_at = UtcTime(required=True, allow_none=True)
    updated_at = UtcTime(required=True)


class CallResource(ListedCall):
    """One call leg with its recordings."""

    recordings = fields.List(fields.Nested(RecordingResource), required=True)


class EndedCall(CallResource):
    """A call after it was asked to end: `ended` if it is over, `ending` if that was promised."""

    ended = fields.Boolean()
    ending = fields.Boolean()


class CallStepResource(Resource):
    """One step of a call or of one of its legs."""

    call_sid = fields.String(required=True)
    step = fields.String(required=True)
    name = fields.String(required=True)
    sequence = fields.Integer(required=True, allow_none=True, metadata={"description": "Twilio's SequenceNumber."})
    detail = fields.Dict(required=True, allow_none=True)
    at = UtcTime(required=True)


class ControlResource(Resource):
    """What somebody asked to be done to a live call."""

    id = fields.UUID(required=True)
    call_sid = fields.String(required=True)
    action = fields.String(
        required=True,
        metadata={"enum": ["redirect", "record-start", "record-pause", "record-resume", "record-stop"]},
    )
    args = fields.Function(
        lambda control: {name: value for name, value in control.args.items() if name != "twiml"},
        required=True,
        metadata={"type": "object"},
    )
    state = fields.String(
        required=True,
        metadata={
            "enum": ["requested", "done", "refused", "overtaken"],
            "description": "`overtaken`: the call, or its recording, was over before.",
        },
    )
    client = fields.String(required=True)
    recording_sid = fields.String(required=True, allow_none=True)
    error_code = fields.Integer(required=True, allow_none=True, metadata={"description": "Twilio's."})
    error_reason = fields.String(required=True, allow_none=True)
    created_at = UtcTime(required=True)
    finished_at = UtcTime(required=True, allow_none=True)


class TapingResource(Resource):
    """How the recording of a call stands, what is asked for and not done yet included."""

    call_sid = fields.String(required=True)
    is_recording = fields.Boolean(required=True)
    is_paused = fields.Boolean(required=True)
    control = fields.Nested(
        ControlResource, required=True, allow_none=True, metadata={"description": "Null: it stood so before."}
    )


class CallDecisionResource(Resource):
    """Whether a call may be placed, as it was decided last."""

    verdict = fields.String(required=True, metadata={"enum": ["allowed", "held", "refused"]})
    rules = fields.List(fields.Nested(RuleResource), required=True)
    allowed_at = fields.String(
        required=True,
        allow_none=True,
        metadata={"format": "date-time", "description": "When it could be asked for again."},
    )
    consent_id = fields.String(required=True, allow_none=True)


class PlacedCallResource(Resource):
    """A call that we were asked to place."""

    id = fields.UUID(required=True)
    call_sid = fields.String(required=True, allow_none=True)
    state = fields.String(
        required=True, metadata={"enum": [*PLACE_RANK], "description": "How far it has come to Twilio."}
    )
    client = fields.String(required=True)
    tenant_id = fields.String(required=True, allow_none=True)
    from_ = fields.String(required=True, data_key="from", attribute="from_number")
    to = fields.String(required=True, attribute="to_number")
    purpose = fields.String(required=True)
    plan = fields.Function(
        lambda placed: {name: value for name, value in placed.plan.items() if name != "twiml"},
        required=True,
        metadata={"type": "object", "description": "`connect_to`, `say`, `ring_s`, `record`, `machine_detection`."},
    )
    decision = fields.Nested(CallDecisionResource, required=True, allow_none=True, attribute="permission")
    error_code = fields.Integer(required=True, allow_none=True, metadata={"description": "Twilio's."})
    error_reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "`in_doubt`: Twilio never told whether it made it; nobody dials again."},
    )
    expires_at = UtcTime(required=True)
    created_at = UtcTime(required=True)
    updated_at = UtcTime(required=True)


class WholeCall(CallResource):
    """One call with its legs, all that became of it, and what was asked of us."""

    legs = fields.List(fields.Nested(ListedCall), required=True)
    timeline = fields.List(fields.Nested(CallStepResource), required=True)
    controls = fields.List(fields.Nested(ControlResource), required=True)
    placed = fields.Nested(PlacedCallResource, required=True, allow_none=True)


_CALL: Final = ListedCall(exclude=("consent",))
_STEP: Final = CallStepResource()
_CONTROL: Final = ControlResource()
_PLACED: Final = PlacedCallResource()


def listed(row: CallOverview) -> dict[str, Any]:
    """A call as it is in a list."""
    consent = {"way": row.consent_way, "state": row.consent, "rule": row.consent_rule} if row.consent_way else None
    return _fields(_CALL, row) | {"consent": consent}


def call(row: CallOverview, recordings: Sequence[Recording]) -> dict[str, Any]:
    """A call with its recordings, oldest first."""
    return listed(row) | {"recordings": [recording(each) for each in recordings]}


def step(row: Step) -> dict[str, Any]:
    """A step of a call."""
    return _fields(_STEP, row)


def control(row: Control) -> dict[str, Any]:
    """What was asked to be done to a call."""
    return _fields(_CONTROL, row)


def placed(row: PlacedCall) -> dict[str, Any]:
    """A call that we place."""
    return _fields(_PLACED, row)


def taping(call_sid: str, stands: Taping, asked: Control | None) -> dict[str, Any]:
    """How the recording of a call stands."""
    return {
        "call_sid": call_sid,
        "is_recording": stands.is_on,
        "is_paused": stands.is_paused,
        "control": control(asked) if asked else None,
    }


def _fields(schema: Schema, row: object) -> dict[str, Any]:
    return cast("dict[str, Any]", schema.dump(row))
