"""What a webhook says, read tolerantly: a value that cannot be read is as if it were absent, an unknown field is skipped.

Both are counted, never raised, and both are still in the event's raw body. Only an event whose subject is missing is
refused: nothing could be done with it.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema, ValidationError

from shared import log, metrics
from shared.domain import event_keys
from shared.domain.event import Event
from shared.domain.event_keys import NOTHING, Kind
from shared.errors import Unreadable
from workers.payloads import media, texts, trouble, voice

Said = Mapping[str, Any]

_CALL, _GATHER = voice.Call(), voice.Gather()
# What a schema is made of costs a millisecond to build: once a process.
SCHEMAS: Final[Mapping[Kind, Schema]] = {
    "call-in": _CALL, "call-status": _CALL, "whisper": _CALL, "amd": _CALL, "dial": voice.Dial(), "gather": _GATHER,
    "choice": _GATHER, "accept": _GATHER, "voicemail": _GATHER, "conference": voice.Conference(), "msg-in": texts.Incoming(),
    "msg-status": texts.Report(),
    "rec": media.Recording(), "txn": media.Transcription(), "rtt": media.RealTime(), "debugger": trouble.Alert(),
}  # fmt: skip

# Not Twilio's: our own query, and the hash that Twilio adds to the query of a JSON body.
_ADDED: Final = frozenset({
    "message_id", "call_id", "call", "parent", "number", "step", "rec", "emergency", "stage", "bodySHA256",
})  # fmt: skip
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}\Z")
# A process that has told of so many new names has told enough; the counter goes on.
_MOST_TOLD: Final = 200
_told: set[tuple[str, str]] = set()


def _known(schema: Schema) -> frozenset[str]:
    """The names of a schema's fields as Twilio writes them, and those it knows of without using them."""
    elsewhere: frozenset[str] = getattr(schema, "elsewhere", frozenset())
    return _ADDED | elsewhere | {field.data_key or name for name, field in schema.fields.items()}


_KNOWN: Final = {kind: _known(schema) for kind, schema in SCHEMAS.items()}


def read(event: Event) -> Said:
    """What `event` says; of one that came by a fallback address, what its first request would have said.

    Raises Unreadable if what it is about is missing or no name of anything.
    """
    kind = event_keys.meaning(event.kind, event.params)
    if new := event.params.keys() - _KNOWN[kind]:
        _count_new(kind, new)
    return load(SCHEMAS[kind], kind, event.params)


def load(schema: Schema, kind: Kind, posted: Mapping[str, str]) -> Said:
    """The values of `schema`'s fields; None where `posted` says nothing that can be read."""
    spoken = {name: value for name, value in posted.items() if value and value != NOTHING}
    try:
        return schema.load(spoken)  # type: ignore[no-any-return]
    except ValidationError as fault:
        return _without(schema, kind, spoken, fault)


def _without(schema: Schema, kind: Kind, spoken: dict[str, str], fault: ValidationError) -> Said:
    for field in fault.messages_dict:
        if schema.fields[_attribute(schema, field)].required:
            raise Unreadable(f"{kind} without a {field}")
        metrics.WEBHOOK_UNKNOWN_VALUES.labels(kind, field).inc()
        spoken.pop(field, None)
    return schema.load(spoken)  # type: ignore[no-any-return]


def _attribute(schema: Schema, data_key: str) -> str:
    return next(name for name, field in schema.fields.items() if field.data_key == data_key)


def _count_new(kind: Kind, names: set[str]) -> None:
    """A new field is news once: Twilio adds them without notice."""
    if not (strange := [name for name in names if not name.startswith(voice.BEGINNINGS)]):
        return
    metrics.WEBHOOK_UNKNOWN_FIELDS.labels(kind).inc(len(strange))
    for name in strange:
        if _NAME.match(name) and (kind, name) not in _told and len(_told) < _MOST_TOLD:
            _told.add((kind, name))
            log.get().info("webhook_field_unknown", kind=kind, field=name)
