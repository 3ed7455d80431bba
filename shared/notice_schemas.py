"""How the shape of a notification is written down: a small part of JSON Schema 2020-12, the dialect of OpenAPI 3.1."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def text(meaning: str, **more: Any) -> Schema:
    """A string."""
    return {"type": "string", "description": meaning, **more}


def word(meaning: str, words: Iterable[str]) -> Schema:
    """One of these words, in the order of their table."""
    return {"type": "string", "enum": [*words], "description": meaning}


def count(meaning: str, *, least: int = 0) -> Schema:
    """A whole number."""
    return {"type": "integer", "minimum": least, "description": meaning}


def number(meaning: str, **more: Any) -> Schema:
    """A number with decimals, not below 0."""
    return {"type": "number", "minimum": 0, "description": meaning, **more}


def truth(meaning: str) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": meaning}


def moment(meaning: str) -> Schema:
    """A time with its zone (RFC 3339)."""
    return {"type": "string", "format": "date-time", "description": meaning}


def many(meaning: str, items: Schema, *, least: int = 0) -> Schema:
    """A list."""
    return {"type": "array", "items": items, "minItems": least, "description": meaning}


def thing(fields: Mapping[str, Schema], meaning: str = "") -> Schema:
    """An object with all of these fields, and with others that a later version adds."""
    shape: Schema = {"type": "object", "required": [*fields], "properties": dict(fields), "additionalProperties": True}
    return shape | ({"description": meaning} if meaning else {})


def maybe(schema: Schema) -> Schema:
    """That, or null."""
    or_null: Schema = schema | {"type": [schema["type"], "null"]}
    return or_null | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})


def null(meaning: str) -> Schema:
    """Always null in this type; the field is there because its neighbours have it."""
    return {"type": "null", "description": meaning}


def document(type_: str, meaning: str, data: Schema) -> Schema:
    """The whole body of a notification of this type: type, timestamp, data."""
    return {
        "title": type_,
        **thing(
            {
                "type": {"type": "string", "const": type_, "description": "What has happened."},
                "timestamp": moment("When it was written down here; the same over all retries and replays."),
                "data": data,
            },
            meaning,
        ),
    }
