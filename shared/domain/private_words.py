"""What a webhook says in people's words, with their secrets taken out before anything of it is kept.

The journal, the inbox and the row of an event hold the same bytes, and a repeated webhook becomes the same bytes again.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.parse import quote_plus, unquote_plus

from shared.domain.event_keys import Kind
from shared.domain.redaction import redact

Words = Callable[[str], str]  # what stands in the place of what was said

# Fields by what they hold: words, or a JSON document with words in `transcript` (Twilio docs, real-time transcriptions).
_WORDS: Final = frozenset({"TranscriptionText", "SpeechResult", "UnstableSpeechResult", "StableSpeechResult"})
_DOCUMENTS: Final = frozenset({"TranscriptionData"})
_KINDS: Final[frozenset[Kind]] = frozenset({"txn", "rtt", "gather"})


def cleaned(kind: Kind, content_type: str, body: bytes) -> bytes:
    """The body of a webhook of this kind; untouched, byte for byte, if there is no secret in it."""
    return reworded(kind, content_type, body, _redacted)


def cleaned_query(kind: Kind, query: str) -> str:
    """As `cleaned`, for the query of a GET; as it came (latin-1)."""
    return reworded_query(kind, query, _redacted)


def reworded(kind: Kind, content_type: str, body: bytes, words: Words) -> bytes:
    """The body with other words in it and all else as it was."""
    if kind not in _KINDS:
        return body
    return _of_json(body, words) if "json" in content_type.lower() else _of_form(body, words)


def reworded_query(kind: Kind, query: str, words: Words) -> str:
    """As `reworded`, for the query of a GET; as it came (latin-1)."""
    if kind not in _KINDS:
        return query
    return _of_form(query.encode("latin-1", "replace"), words).decode("latin-1")


def _redacted(text: str) -> str:
    return redact(text)[0]


def _of_form(body: bytes, words: Words) -> bytes:
    return "&".join(_field(field, words) for field in body.decode("latin-1").split("&")).encode("latin-1")


def _field(field: str, words: Words) -> str:
    name, _, value = field.partition("=")
    clean = _cleaner(unquote_plus(name), words)
    if clean is None:
        return field
    text = unquote_plus(value)
    cleaned_text = clean(text)
    return field if cleaned_text == text else f"{name}={quote_plus(cleaned_text)}"


def _of_json(body: bytes, words: Words) -> bytes:
    try:
        top = json.loads(body)
    except (ValueError, RecursionError):
        return body  # nobody can read it: it is set aside
    if not isinstance(top, dict):
        return body
    clean = {name: _value(name, value, words) for name, value in top.items()}
    return body if clean == top else json.dumps(clean).encode()


def _value(name: str, value: object, words: Words) -> object:
    clean = _cleaner(name, words)
    return clean(value) if clean is not None and isinstance(value, str) else value


def _cleaner(name: str, words: Words) -> Words | None:
    if name in _WORDS:
        return words
    return partial(_document, words=words) if name in _DOCUMENTS else None


def _document(text: str, words: Words) -> str:
    """Only its transcript: a long confidence has as many digits as a card."""
    try:
        top = json.loads(text)
    except (ValueError, RecursionError):
        return words(text)
    if not isinstance(top, dict) or not isinstance(top.get("transcript"), str):
        return words(text)
    said = words(top["transcript"])
    return text if said == top["transcript"] else json.dumps({**top, "transcript": said})
