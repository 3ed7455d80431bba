"""What a webhook says in people's words, with their secrets taken out before anything of it is kept.

The journal, the inbox and the row of an event hold the same bytes, and a repeated webhook becomes the same bytes again.
"""

import json
from collections.abc import Callable
from typing import Final
from urllib.parse import quote_plus, unquote_plus

from shared.domain.event_keys import Kind
from shared.domain.redaction import redact

# Fields by what they hold: words, or a JSON document with words in `transcript` (Twilio docs, real-time transcriptions).
_WORDS: Final = frozenset({"TranscriptionText", "SpeechResult", "UnstableSpeechResult", "StableSpeechResult"})
_DOCUMENTS: Final = frozenset({"TranscriptionData"})
_KINDS: Final[frozenset[Kind]] = frozenset({"txn", "rtt", "gather"})


def cleaned(kind: Kind, content_type: str, body: bytes) -> bytes:
    """The body of a webhook of this kind; untouched, byte for byte, if there is no secret in it."""
    if kind not in _KINDS:
        return body
    return _of_json(body) if "json" in content_type.lower() else _of_form(body)


def cleaned_query(kind: Kind, query: str) -> str:
    """As `cleaned`, for the query of a GET; as it came (latin-1)."""
    if kind not in _KINDS:
        return query
    return _of_form(query.encode("latin-1", "replace")).decode("latin-1")


def _of_form(body: bytes) -> bytes:
    return "&".join(map(_field, body.decode("latin-1").split("&"))).encode("latin-1")


def _field(field: str) -> str:
    name, _, value = field.partition("=")
    clean = _cleaner(unquote_plus(name))
    if clean is None:
        return field
    text = unquote_plus(value)
    cleaned_text = clean(text)
    return field if cleaned_text == text else f"{name}={quote_plus(cleaned_text)}"


def _of_json(body: bytes) -> bytes:
    try:
        top = json.loads(body)
    except (ValueError, RecursionError):
        return body  # nobody can read it: it is set aside
    if not isinstance(top, dict):
        return body
    clean = {name: _value(name, value) for name, value in top.items()}
    return body if clean == top else json.dumps(clean).encode()


def _value(name: str, value: object) -> object:
    clean = _cleaner(name)
    return clean(value) if clean is not None and isinstance(value, str) else value


def _cleaner(name: str) -> Callable[[str], str] | None:
    if name in _WORDS:
        return _text
    return _document if name in _DOCUMENTS else None


def _text(words: str) -> str:
    return redact(words)[0]


def _document(text: str) -> str:
    """Only its transcript: a long confidence has as many digits as a card."""
    try:
        top = json.loads(text)
    except (ValueError, RecursionError):
        return _text(text)
    if not isinstance(top, dict) or not isinstance(top.get("transcript"), str):
        return _text(text)
    words = _text(top["transcript"])
    return text if words == top["transcript"] else json.dumps({**top, "transcript": words})
