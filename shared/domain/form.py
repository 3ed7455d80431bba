"""The parameters of a request as Twilio posts them: form pairs in the order they came, blanks kept, nothing trimmed."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from shared.domain import loose_json

# Twilio's longest known webhook has some 60 fields; a thousand is hostile or broken, and parsing it is work for nobody.
MOST_FIELDS: Final = 1000

# Longer fields are people's words, which do not come again: the cache stays below a megabyte.
_SHORT: Final = 64

# What `%41` means, with digits of either case.
_ASCII: Final = {high + low: chr(int(high + low, 16)) for high in "01234567" for low in "0123456789abcdefABCDEF"}

Pairs = Sequence[tuple[str, str]]


def is_form(content_type: str, body: bytes) -> bool:
    """Whether the parameters of a request are its form fields. An empty body is a form without fields."""
    return not body or not content_type or "application/x-www-form-urlencoded" in content_type.lower()


def posted(content_type: str, query: str, body: bytes) -> dict[str, str]:
    """What a request says, by name; of a repeated name the first value counts.

    A form's own fields; without any (a GET) the query's; of another body the query's and, if it is a JSON object, its
    top-level scalars in their JSON spelling over them. `query` is as it came (latin-1). The answer has no lone
    surrogates. Raises ValueError only: more than `MOST_FIELDS` fields.
    """
    if is_form(content_type, body):
        if fields := pairs(body):
            return first_values(fields)
        return of_query(query)
    return of_query(query) | _scalars(body)


def of_query(query: str) -> dict[str, str]:
    """A query's first values. Raises ValueError: more than `MOST_FIELDS`."""
    return first_values(pairs(query.encode("latin-1", "replace"))) if query else {}


def _scalars(body: bytes) -> dict[str, str]:
    """The texts, numbers and truths at the top of a JSON object; nothing of any other body, null counts as absent."""
    top = loose_json.members(body.decode("utf-8", "replace"))
    if len(top) > MOST_FIELDS:
        raise ValueError(f"{len(top)} members, at most {MOST_FIELDS}")
    return {_whole(name): _whole(_spelt(value)) for name, value in top.items() if isinstance(value, str | bool)}


def _spelt(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()


def _whole(text: str) -> str:
    """Without the lone surrogates that JSON can spell and UTF-8 cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


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
    return [_known_pair(field) if len(field) <= _SHORT else _pair(field) for field in fields if field]


def _pair(field: str) -> tuple[str, str]:
    name, _, value = field.partition("=")
    # Looking whether there is anything to decode is cheaper than decoding.
    if "%" in field or "+" in field or not field.isascii():
        return _text(name), _text(value)
    return name, value


# Most fields of a webhook were in the last one too: a number's city, the API's version, a status.
_known_pair: Final = lru_cache(maxsize=4096)(_pair)


def _text(quoted: str) -> str:
    """As `unquote_plus` reads it, at a third of its cost for `%2B1415…`; bytes outside ASCII are rare and unquoted."""
    if not quoted.isascii():
        return unquote_to_bytes(quoted.replace("+", " ").encode("latin-1")).decode("utf-8", "replace")
    if "+" in quoted:
        quoted = quoted.replace("+", " ")
    if "%" not in quoted:
        return quoted
    head, *escaped = quoted.split("%")
    for text in escaped:
        character = _ASCII.get(text[:2])
        if character is None:  # a byte of a longer character, or no escape at all
            return unquote(quoted, "utf-8", "replace")
        head += character + text[2:]
    return head


def first_values(fields: Pairs) -> dict[str, str]:
    """The fields as a mapping; of a repeated name the first value counts."""
    values = dict(fields)
    if len(values) < len(fields):
        values.clear()
        for name, value in fields:
            values.setdefault(name, value)
    return values
