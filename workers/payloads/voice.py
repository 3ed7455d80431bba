"""What Twilio says in the webhooks of a call (Twilio docs, TwiML voice request parameters, Call resource, AMD)."""

from typing import Final

from marshmallow import EXCLUDE, Schema

from shared.domain.missed_call import ANSWERED_DIALS, MISSED_DIALS
from shared.domain.status import ANSWERED_BY_RANK, CALL_RANK
from workers.payloads import fields
from workers.payloads.fields import Address, Code, Count, Moment, OneOf, Share, Short, Sid, Truth, Words

DIRECTIONS: Final = ("inbound", "outbound-api", "outbound-dial", "trunking-terminating", "trunking-originating")
PLACES: Final = frozenset(
    f"{side}{part}" for side in ("From", "To", "Caller", "Called") for part in ("City", "State", "Zip", "Country")
)
# Known and not used here: they stay in the raw event. `SipHeader_…` and the like are known by their beginning.
_ELSEWHERE: Final = PLACES | {
    "AccountSid", "ApiVersion", "ApplicationSid", "AddOns", "CallToken", "CalledVia",
    "StirPassportToken", "StirStatus", "SipDomain", "SipDomainSid", "SipCallId", "SipSourceIp",
    "Duration", "CallbackSource", "ErrorMessage", "ErrorUrl", "QueueSid", "QueueTime", "AccountId", "url",
    "DialSipCallId", "DialSipResponseCode", "DialSipHeader_X-Twilio-CallSid", "CallReason", "msg",
    "InstanceSid", "RecordingSource", "RecordingStatus", "AsyncAmdStatus",
}  # fmt: skip
BEGINNINGS: Final = ("SipHeader_", "DialSipHeader_", "AddOns_")


class Call(Schema):
    """What every webhook of a call may carry."""

    class Meta:
        unknown = EXCLUDE

    elsewhere = _ELSEWHERE

    call_sid = Sid("CallSid", required=True)
    parent_call_sid = Sid("ParentCallSid")
    status = OneOf("CallStatus", CALL_RANK)
    direction = OneOf("Direction", DIRECTIONS)
    from_number = Address("From")
    caller = Address("Caller")
    to_number = Address("To")
    called = Address("Called")
    duration_s = Count("CallDuration")
    sequence = Count("SequenceNumber")
    answered_by = OneOf("AnsweredBy", ANSWERED_BY_RANK)
    detection_ms = Count("MachineDetectionDuration")
    error_code = Code("ErrorCode")
    sip_code = fields.SipCode("SipResponseCode")
    stir = fields.Word("StirVerstat")
    forwarded_from = Address("ForwardedFrom")
    caller_name = fields.Name("CallerName")
    at = Moment("Timestamp")
    recording_sid = Sid("RecordingSid")
    recording_url = Words("RecordingUrl")
    recording_duration_s = Count("RecordingDuration")


class Dial(Call):
    """The request to `<Dial action>`."""

    dial_status = OneOf("DialCallStatus", MISSED_DIALS | ANSWERED_DIALS)
    dial_call_sid = Sid("DialCallSid")
    dial_duration_s = Count("DialCallDuration")
    dial_bridged = Truth("DialBridged")
    conference_sid = Sid("ConferenceSid")


class Gather(Call):
    """The request to `<Gather action>` or `partialResultCallback`; a voicemail's `Digits` is the key that ended it."""

    digits = Short("Digits")
    finished_on_key = Short("FinishedOnKey")
    speech = Words("SpeechResult")
    unstable_speech = Words("UnstableSpeechResult")
    confidence = Share("Confidence")
    stability = Share("Stability")
    language = Short("Language")


class Conference(Schema):
    """What happened in a conference."""

    class Meta:
        unknown = EXCLUDE

    elsewhere = frozenset({
        "AccountSid", "FriendlyName", "Coaching", "CallSidToCoach", "Muted", "Hold", "StartConferenceOnEnter",
        "EndConferenceOnExit", "ParticipantLabel", "ReasonConferenceEnded", "CallSidEndingConference",
        "ParticipantLabelEndingConference", "ParticipantCallStatus", "EventName", "RequestedRegion", "Region",
        "AnnounceUrl", "ReasonAnnouncementFailed", "Reason", "SequenceNumber",
    })  # fmt: skip

    conference_sid = Sid("ConferenceSid", required=True)
    call_sid = Sid("CallSid")
    event = Short("StatusCallbackEvent")
    at = Moment("Timestamp")
