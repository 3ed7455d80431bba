"""What Twilio says of recordings and transcriptions (Twilio docs, Recordings resource, `<Record>`, `<Transcription>`)."""

from typing import Final

from marshmallow import EXCLUDE, Schema

from workers.payloads.fields import Code, Count, Moment, OneOf, Short, Sid, Truth, Words
from workers.payloads.voice import PLACES

RECORDING_STATUSES: Final = (
    "in-progress",
    "paused",
    "stopped",
    "processing",
    "completed",
    "absent",
    "failed",
    "deleted",
)
_SOURCES: Final = (
    "DialVerb", "Conference", "OutboundAPI", "Trunking", "RecordVerb", "StartCallRecordingAPI",
    "StartConferenceRecordingAPI", "StartCallRecordingTwiML",
)  # fmt: skip
TRACKS: Final = ("inbound_track", "outbound_track", "both_tracks")


class Recording(Schema):
    """A recording's status callback. It does not say who called: CallSid joins it to the call."""

    class Meta:
        unknown = EXCLUDE

    elsewhere = frozenset({"AccountSid", "ApiVersion", "ConferenceSid", "EncryptionDetails", "RecordingUrl", "Timestamp",
                           "ParentCallSid", "From", "To"})  # fmt: skip

    recording_sid = Sid("RecordingSid", required=True)
    status = OneOf("RecordingStatus", RECORDING_STATUSES)
    call_sid = Sid("CallSid")
    duration_s = Count("RecordingDuration")
    channels = OneOf("RecordingChannels", ("1", "2"))
    source = OneOf("RecordingSource", _SOURCES)
    track = OneOf("RecordingTrack", ("inbound", "outbound", "both"))
    started_at = Moment("RecordingStartTime")
    error_code = Code("ErrorCode")


class Transcription(Schema):
    """What `<Record transcribe>` has understood."""

    class Meta:
        unknown = EXCLUDE

    elsewhere = PLACES | {
        "AccountSid", "ApiVersion", "From", "To", "Caller", "Called", "CallStatus", "Direction", "url", "RecordingUrl",
        "TranscriptionUrl", "TranscriptionType", "ForwardedFrom", "CallerName",
    }  # fmt: skip

    transcription_sid = Sid("TranscriptionSid", required=True)
    recording_sid = Sid("RecordingSid")
    call_sid = Sid("CallSid")
    status = OneOf("TranscriptionStatus", ("in-progress", "completed", "failed"))
    text = Words("TranscriptionText")
    language = Short("LanguageCode")
    error_code = Code("ErrorCode")


class RealTime(Schema):
    """A step of a transcription that is made while people speak."""

    class Meta:
        unknown = EXCLUDE

    elsewhere = frozenset({
        "AccountSid", "ApiVersion", "Stability", "TranscriptionProviderData", "ProviderConfiguration", "Name",
        "PartialResults", "TranscriptionEngine", "TranscriptionError",
        "SpeechModel", "Hints", "EnableAutomaticPunctuation", "ProfanityFilter", "IntelligenceService",
    })  # fmt: skip

    transcription_sid = Sid("TranscriptionSid", required=True)
    call_sid = Sid("CallSid")
    event = OneOf(
        "TranscriptionEvent",
        ("transcription-started", "transcription-content", "transcription-stopped", "transcription-error"),
    )
    track = OneOf("Track", TRACKS)
    sequence = Count("SequenceId")
    inbound_label = Short("InboundTrackLabel")
    outbound_label = Short("OutboundTrackLabel")
    said = Words("TranscriptionData")
    is_final = Truth("Final")
    language = Short("LanguageCode")
    at = Moment("Timestamp")
    error_code = Code("TranscriptionErrorCode")
