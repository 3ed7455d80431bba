"""What clients may ask about transcriptions, and what they get to see of them."""

import html
from typing import Any, Final, cast

from marshmallow import fields, validate

from ingress.api.recording_schemas import ReadSchema
from ingress.api.resources import Resource, UtcTime
from ingress.api.schemas import PageSchema
from shared.db.transcription_overview import HIT, HIT_END, TranscriptionOverview

LONGEST_QUERY: Final = 200  # characters: a sentence; each word of it is looked up
MOST_HITS: Final = 50  # a page: an excerpt costs as much as its text is long


class SearchSchema(ReadSchema, PageSchema):
    """What is looked for, and where. What is not said is not looked at."""

    q = fields.String(
        required=True, validate=validate.Length(1, LONGEST_QUERY),
        metadata={"description": 'Words that were said; `"a phrase"`, `or`, `-without`. No word is stemmed.'},
    )  # fmt: skip
    tenant_id = fields.String(validate=validate.Length(1, 64))
    since = fields.AwareDateTime(
        data_key="from", format="iso", metadata={"description": "Begun not before this moment."}
    )
    until = fields.AwareDateTime(data_key="to", format="iso", metadata={"description": "Begun before this moment."})
    limit = fields.Integer(load_default=20, validate=validate.Range(1, MOST_HITS))


class _Found(Resource):
    transcription_sid = fields.String(required=True)
    recording_sid = fields.String(required=True, allow_none=True)
    call_sid = fields.String(required=True)
    tenant_id = fields.String(required=True, allow_none=True)
    status = fields.String(required=True)
    provider = fields.String(required=True, metadata={"description": "Who made it: `twilio`, or `http`, an engine."})
    language = fields.String(required=True, allow_none=True)
    confidence = fields.Float(required=True, allow_none=True, metadata={"description": "0 to 1."})
    redactions = fields.Integer(
        required=True, metadata={"description": "Secrets that were taken out before it was stored."}
    )
    error_code = fields.Integer(required=True, allow_none=True)
    error_reason = fields.String(required=True, allow_none=True)
    started_at = UtcTime(required=True)
    updated_at = UtcTime(required=True)
    transcription_url = fields.Function(
        lambda row: address(row.recording_sid, row.call_sid), required=True, metadata={"type": ["string", "null"]}
    )


class TranscriptionResource(_Found):
    """What was said. A secret is a marker in square brackets, as `[card]`."""

    text = fields.String(required=True)
    segments = fields.List(
        fields.Dict(), required=True, allow_none=True, metadata={"description": "`start_s`, `end_s`, `text` of each."}
    )


class HitResource(_Found):
    """A transcription in which it was said. The excerpt is safe HTML: text, and `<mark>` around each hit."""

    excerpt = fields.Function(lambda row: marked(row.excerpt), required=True, metadata={"type": "string"})


class CallTranscriptions(Resource):
    """What was said in a call and in its legs."""

    data = fields.List(fields.Nested(TranscriptionResource), required=True)


def address(recording_sid: str | None, call_sid: str) -> str | None:
    """Where it is read."""
    if recording_sid:
        return f"/api/recordings/{recording_sid}/transcription"
    return f"/api/calls/{call_sid}/transcriptions" if call_sid else None


def marked(excerpt: str) -> str:
    """Whatever somebody said is text; only our own marks become elements."""
    return html.escape(excerpt).replace(HIT, "<mark>").replace(HIT_END, "</mark>")


SEARCH: Final = SearchSchema()
_WHOLE: Final = TranscriptionResource()
_HIT: Final = HitResource()


def shown(row: TranscriptionOverview) -> dict[str, Any]:
    """A transcription with its words."""
    return cast("dict[str, Any]", _WHOLE.dump(row))


def hit(row: TranscriptionOverview) -> dict[str, Any]:
    """A transcription that was found, with the words around."""
    return cast("dict[str, Any]", _HIT.dump(row))
