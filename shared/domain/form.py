"""A form body as Twilio posts it: pairs in the order they came, blanks kept, nothing trimmed."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote_plus, unquote_to_bytes

# Twilio's longest known webhook has some 60 fields; a thousand is hostile or broken, and parsing it is work for nobody.
MOST_FIELDS: Final = 1000

Pairs = Sequence[tuple[str, str]]


def is_form(content_type: str, body: bytes) -> bool:
    """Whether the parameters of a request are its form fields. An empty body is a form without fields."""
    return not body or not content_type or "application/x-www-form-urlencoded" in content_type.lower()


def pairs(body: bytes) -> list[tuple[str, str]]:
    """The fields of an `application/x-www-form-urlencoded` body.

    Blank values are kept because Twilio signs them. Bytes that are not UTF-8 become U+FFFD, so nothing here raises but
    ValueError, for more than `MOST_FIELDS` fields.
    """
    if not body:
        return []
    fields = body.decode("latin-1").split("&")
    if len(fields) > MOST_FIELDS:
        raise ValueError(f"{len(fields)} fields, at most {MOST_FIELDS}")
    return [_pair(field) for field in fields if field]


def _pair(field: str) -> tuple[str, str]:
    name, _, value = field.partition("=")
    return _text(name), _text(value)


def _text(quoted: str) -> str:
    """Looking whether there is anything to decode is cheaper than decoding; bytes outside ASCII are rare and unquoted."""
    if not quoted.isascii():
        return unquote_to_bytes(quoted.replace("+", " ").encode("latin-1")).decode("utf-8", "replace")
    return unquote_plus(quoted, "utf-8", "replace") if "%" in quoted or "+" in quoted else quoted


def first_values(fields: Pairs) -> dict[str, str]:
    """The fields as a mapping; of a repeated name the first value counts."""
    values: dict[str, str] = {}
    for name, value in fields:
        values.setdefault(name, value)
    return values
