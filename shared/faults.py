"""What was wrong with a document, fault by fault: where it is, which kind it is, and marshmallow's words for it."""

from collections.abc import Iterator
from typing import Any, Final, Literal

# The kind by how marshmallow's message begins; a client can count on the kind, the words may change.
_KINDS: Final = (
    ("Missing data", "required"),
    ("Unknown field", "unknown"),
    ("Field may not be null", "null"),
    ("Not a valid URL", "url"),
    ("Not a valid", "type"),
    ("Invalid input type", "type"),
    ("Longer than", "length"),
    ("Shorter than", "length"),
    ("Length must", "length"),
    ("Must be one of", "choice"),
    ("Must be", "range"),
)

Fault = dict[str, str]


def in_body(messages: Any) -> list[Fault]:
    """The faults of a document, each by its JSON Pointer (RFC 6901, as a URI fragment)."""
    return [_fault("pointer", f"#{at}", message) for at, message in _leaves("", messages)]


def in_query(messages: Any) -> list[Fault]:
    """The faults of a query string, each by its parameter."""
    return [_fault("parameter", at[1:], message) for at, message in _leaves("", messages)]


def _fault(place: Literal["pointer", "parameter"], at: str, message: str) -> Fault:
    kind = next((kind for start, kind in _KINDS if message.startswith(start)), "invalid")
    return {place: at, "code": kind, "detail": message}


def _leaves(at: str, messages: Any) -> Iterator[tuple[str, str]]:
    """Walks marshmallow's tree: names and list positions lead to lists of texts."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _leaves(at if name == "_schema" else f"{at}/{_token(str(name))}", inner)
    else:
        yield from ((at, str(message)) for message in messages)


def _token(name: str) -> str:
    """A reference token of RFC 6901."""
    return name.replace("~", "~0").replace("/", "~1")
