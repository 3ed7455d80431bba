"""What clients may ask about calls."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validate, validates_schema

from ingress.api.schemas import PageSchema, Strict
from shared.domain.status import CALL_RANK
from shared.number_document import check_speech, check_target
from shared.sms_job import Text, check_phone, purpose_field

LONGEST_SAID: Final = 1500  # a minute and a half of speech; its document stays well below Twilio's 4,000 characters
SHORTEST_RING_S, LONGEST_RING_S = 5, 600  # Twilio's `Timeout` ends at 600; in less than 5 s nobody can pick up
RING_S: Final = 30
VALIDITY_S: Final = 60  # somebody asked for it now; a call that comes out of the blue later helps nobody
LONGEST_VALIDITY_S: Final = 3600


def _said(**more: Any) -> Text:
    return Text(validate=[validate.Length(1, LONGEST_SAID), check_speech], **more)


class CallsPageSchema(PageSchema):
    """Which calls. What is not said is not looked at; the legs of a forwarded call are calls of their own."""

    tenant_id = fields.String(validate=validate.Length(1, 64))
    to = fields.String(validate=validate.Length(1, 64), metadata={"description": "With its `+` as `%2B`."})
    from_ = fields.String(data_key="from", validate=validate.Length(1, 64))
    status = fields.String(validate=validate.OneOf([*CALL_RANK]))
    decision = fields.String(validate=validate.OneOf(["answered", "missed", "screened"]))
    direction = fields.String(validate=validate.OneOf(["inbound", "outbound-api", "outbound-dial"]))
    parent = fields.String(
        validate=validate.Regexp(r"CA[0-9a-fA-F]{32}\Z"), metadata={"description": "Only the legs below this CallSid."}
    )
    started_after = fields.AwareDateTime(format="iso", metadata={"description": "Not before this moment."})
    started_before = fields.AwareDateTime(format="iso", metadata={"description": "Before this moment."})


class RedirectSchema(Strict):
    """Where a live call goes: exactly one of these."""

    forward_to = Text(
        validate=check_target,
        metadata={"description": "E.164, `sip:` or `client:`; rung as the number's own calls are."},
    )
    voicemail = fields.Boolean(validate=validate.Equal(True), metadata={"description": "Leave a message."})
    say = _said(metadata={"description": "Hear this, then the call is hung up."})

    @validates_schema
    def exactly_one(self, data: dict[str, Any], **_: Any) -> None:
        if len(data) != 1:
            raise ValidationError({"forward_to": ["give exactly one of forward_to, voicemail, say"]})


class PlaceSchema(Strict):
    """A call that we place."""

    to = Text(required=True, validate=check_phone)
    from_ = Text(
        data_key="from", validate=check_phone, metadata={"description": "A number of the tenant's; without: its first."}
    )
    tenant_id = Text(load_default=None, allow_none=True, validate=validate.Length(1, 64))
    purpose = purpose_field("conversation")
    connect_to = Text(
        load_default=None,
        allow_none=True,
        validate=check_target,
        metadata={"description": "Rung when the callee has answered: E.164, `sip:` or `client:`; not `from`."},
    )
    say = _said(load_default=None, allow_none=True, metadata={"description": "What the callee hears first."})
    ring_s = fields.Integer(load_default=RING_S, strict=True, validate=validate.Range(SHORTEST_RING_S, LONGEST_RING_S))
    record = fields.Boolean(
        load_default=False,
        metadata={
            "description": "Once connected. The callee hears a notice first, where the law of the parties asks it."
        },
    )
    consent = fields.String(
        validate=validate.OneOf(["obtained"]),
        metadata={"description": "You say that all parties have agreed to be recorded; kept with your name."},
    )
    machine_detection = fields.Boolean(
        load_default=False, metadata={"description": "Have Twilio tell people from machines; nobody waits for it."}
    )
    validity_s = fields.Integer(
        load_default=VALIDITY_S,
        strict=True,
        validate=validate.Range(1, LONGEST_VALIDITY_S),
        metadata={"description": "Seconds after which it is not placed any more."},
    )

    @validates_schema
    def something_happens(self, data: dict[str, Any], **_: Any) -> None:
        if not data.get("connect_to") and not data.get("say"):
            raise ValidationError({"connect_to": ["give connect_to, say, or both"]})
        if data.get("record") and not data.get("connect_to"):
            raise ValidationError({"record": ["there is only our own voice to record without connect_to"]})
        if data.get("to") in (data.get("from_"), data.get("connect_to")):
            raise ValidationError({"to": ["must be somebody else"]})


class RecordStartSchema(Strict):
    """Why a call may be recorded, if nothing stored says it."""

    consent = fields.String(
        validate=validate.OneOf(["obtained"]),
        metadata={"description": "You say that all parties have agreed; kept with your name."},
    )


CALLS_PAGE: Final = CallsPageSchema()
REDIRECT: Final = RedirectSchema()
PLACE: Final = PlaceSchema()
RECORD_START: Final = RecordStartSchema()
