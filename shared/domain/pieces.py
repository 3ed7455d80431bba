"""Words that came in pieces: a secret may begin in one piece and end in another, and must be gone from both."""

from collections.abc import Sequence
from typing import Final

from shared.domain.redaction import secrets

# Between two pieces: a gap as any other, so that a number runs on.
BETWEEN: Final = " "


def redact_pieces(pieces: Sequence[str]) -> list[str]:
    """The pieces, in the order they were spoken, without their secrets.

    The marker stands where a secret begins; what other pieces had of it is gone. Done again it changes nothing.
    """
    joined = BETWEEN.join(pieces)
    edits = secrets(joined)
    if not edits:
        return list(pieces)
    clean, at = [], 0
    for piece in pieces:
        clean.append(_without(joined, at, at + len(piece), edits))
        at += len(piece) + len(BETWEEN)
    return clean


def _without(joined: str, start: int, stop: int, edits: Sequence[tuple[int, int, str]]) -> str:
    kept: list[str] = []
    at = start
    for begins, ends, marker in edits:
        if ends <= start or begins >= stop:
            continue
        kept += joined[at : max(at, begins)], marker if begins >= start else ""
        at = min(ends, stop)
    return "".join([*kept, joined[at:stop]])
