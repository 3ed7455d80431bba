"""What the ingress notes of the TwiML it answered: the kind of answer, why, and what only the ingress knew.

A note travels with its event (`Event.answer`), so that a worker knows which way the caller was sent without deciding anew:
`forward;step=1;screen=press`, `voicemail:closed`.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Note(NamedTuple):
    """One answer. `flags` has whatever else is to be remembered, as words."""

    kind: str
    reason: str
    flags: Mapping[str, str]


def build(kind: str, reason: str = "", **flags: str | int | None) -> str:
    """The note as text. Flags that are None or "" are left out; no part may hold `:`, `;` or `=`."""
    head = f"{kind}:{reason}" if reason else kind
    return ";".join((head, *(f"{name}={value}" for name, value in flags.items() if value not in (None, ""))))


def read(text: str) -> Note:
    """Total: what is no note has an empty kind or no flags. Notes of older releases are a kind alone."""
    head, *parts = text.split(";")
    kind, _, reason = head.partition(":")
    return Note(kind, reason, dict(part.split("=", 1) for part in parts if "=" in part))
