"""What clients may ask about recordings, and what they get to see of them."""

from typing import Any, Final, cast

from marshmallow import ValidationError, fields, validate

from ingress.api.resources import RecordingResource, Resource, UtcTime
from ingress.api.schemas import PageSchema, Strict
from shared.db.recording_overview import RecordingOverview
from shared.domain.status import RECORDING_RANK
from shared.domain.waveform import HIGHEST, SMALLEST, WIDEST

LONGEST_PURPOSE: Final = 200
_CALL_SID: Final = r"CA[0-9a-fA-F]{32}\Z"


def is_printable(text: str) -> bool:
    """A purpose is one line that an auditor reads: no control characters, and not nothing."""
    return text.isprintable() and bool(text.strip())


def _check_printable(text: str) -> None:
    if not is_printable(text):
        raise ValidationError("must be one line of printable characters")


def _purpose() -> fields.String:
    return fields.String(
        validate=[validate.Length(1, LONGEST_PURPOSE), _check_printable],
        metadata={"description": "What it is for; kept in the audit. `X-Purpose` says the same."},
    )


def _flag(meaning: str) -> fields.String:
    return fields.String(
        load_default="0", validate=validate.OneOf(["0", "1"]), metadata={"description": f"1: {meaning}"}
    )


class ReadSchema(Strict):
    """What somebody reads for."""

    purpose = _purpose()


class SoundSchema(ReadSchema):
    """Whether the sound itself is wanted, and how."""

    media = _flag("the sound itself instead of what is known of it.")
    download = _flag("the sound as a file to keep (`Content-Disposition: attachment`); implies `media=1`.")
    delivery = fields.String(
        validate=validate.OneOf(["stream", "link"]),
        metadata={"description": "Through this service, or by a redirect to a link that lives for seconds."},
    )


class PictureSchema(ReadSchema):
    """How the picture is to look."""

    format = fields.String(
        validate=validate.OneOf(["svg", "png"]), metadata={"description": "Instead of the Accept header."}
    )
    width = fields.Integer(load_default=800, validate=validate.Range(SMALLEST, WIDEST))
    height = fields.Integer(load_default=120, validate=validate.Range(SMALLEST, HIGHEST))


class RecordingsPageSchema(PageSchema):
    """Which recordings. What is not said is not looked at."""

    tenant_id = fields.String(validate=validate.Length(1, 64))
    call_sid = fields.String(validate=validate.Regexp(_CALL_SID))
    state = fields.String(validate=validate.OneOf([*RECORDING_RANK]))
    since = fields.AwareDateTime(format="iso", metadata={"description": "Announced not before this moment."})
    until = fields.AwareDateTime(format="iso", metadata={"description": "Announced before this moment."})
    damaged = fields.Boolean(metadata={"description": "Only those whose stored copy is, or is not, damaged."})
    purpose = _purpose()


class WholeRecordingResource(RecordingResource):
    """All that is known of a recording: when each step was taken, how long it is kept, whether it is intact."""

    tenant_id = fields.String(required=True, allow_none=True)
    source = fields.String(required=True, allow_none=True)
    available_at = UtcTime(required=True, allow_none=True)
    fetched_at = UtcTime(required=True, allow_none=True)
    verified_at = UtcTime(required=True, allow_none=True)
    absent_at = UtcTime(required=True, allow_none=True)
    failed_at = UtcTime(required=True, allow_none=True)
    provider_deleted_at = UtcTime(required=True, allow_none=True)
    deleted_at = UtcTime(required=True, allow_none=True)
    error_reason = fields.String(required=True, allow_none=True)
    retention_class = fields.String(required=True, allow_none=True)
    is_held = fields.Boolean(required=True, metadata={"description": "A hold keeps it from being deleted."})
    deletion_asked_at = UtcTime(
        required=True, allow_none=True, metadata={"description": "From then on nobody hears it."}
    )
    damage = fields.String(
        required=True, allow_none=True, metadata={"description": "What is wrong with the stored copy, if anything is."}
    )
    damaged_at = UtcTime(required=True, allow_none=True)
    checked_at = UtcTime(
        required=True,
        allow_none=True,
        metadata={"description": "When the stored copy was last read back and compared."},
    )
    media_url = fields.Function(
        lambda row: _address(row, row.is_playable, "?media=1"), required=True, metadata={"type": ["string", "null"]}
    )
    waveform_url = fields.Function(
        lambda row: _address(row, row.has_waveform, "/waveform"), required=True, metadata={"type": ["string", "null"]}
    )
    transcription_url = fields.Function(
        lambda row: _address(row, row.has_transcription, "/transcription"),
        required=True,
        metadata={"type": ["string", "null"]},
    )


class CallRecordings(Resource):
    """The recordings of a call and of its legs."""

    data = fields.List(fields.Nested(WholeRecordingResource), required=True)


def _address(row: RecordingOverview, is_there: bool, rest: str) -> str | None:
    return f"/api/recordings/{row.recording_sid}{rest}" if is_there and not row.is_gone else None


READ: Final = ReadSchema()
SOUND: Final = SoundSchema()
PICTURE: Final = PictureSchema()
RECORDINGS_PAGE: Final = RecordingsPageSchema()
_WHOLE: Final = WholeRecordingResource()


def shown(row: RecordingOverview) -> dict[str, Any]:
    """A recording as its listeners see it: neither its account nor its key in the store."""
    return cast("dict[str, Any]", _WHOLE.dump(row))
