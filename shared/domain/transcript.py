"""A live transcription as one text: its pieces in the order they were spoken, each speaker by name, without secrets."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from shared.domain.pieces import redact_pieces
from shared.domain.redaction import redact

# A label is the customer's word for a track: shown only if it is a short name and nothing that looks like what was said.
_LABEL = re.compile(r"[^\W\d_][^\W\d_ ]*(?: [^\W\d_]+){0,3}\Z")
_LONGEST_LABEL = 40  # characters; a name
_DEFAULT = {"inbound_track": "inbound", "outbound_track": "outbound", "both_tracks": "both"}


@dataclass(frozen=True, slots=True)
class Piece:
    """What was heard at once. `sequence` counts within `track`; between tracks there is no order but `spoken_at`."""

    track: str
    sequence: int
    spoken_at: datetime
    text: str


def in_order(pieces: Sequence[Piece]) -> list[Piece]:
    """As they were spoken: by number within a track, by time between tracks.

    The clocks of the pieces need not agree with their numbers: a piece is not before the one it follows in its track.
    """
    latest: dict[str, datetime] = {}
    placed: list[tuple[datetime, str, int, Piece]] = []
    for piece in sorted(pieces, key=lambda piece: (piece.track, piece.sequence)):
        at = latest[piece.track] = max(piece.spoken_at, latest.get(piece.track, piece.spoken_at))
        placed.append((at, piece.track, piece.sequence, piece))
    return [piece for *_, piece in sorted(placed, key=lambda each: each[:3])]


def without_secrets(pieces: Sequence[Piece]) -> list[str]:
    """The texts of these pieces, which are in order: no secret in one, over several of one speaker, or over several of all."""
    texts = [piece.text for piece in pieces]
    for track in sorted({piece.track for piece in pieces}):
        own = [n for n, piece in enumerate(pieces) if piece.track == track]
        for n, text in zip(own, redact_pieces([texts[n] for n in own]), strict=True):
            texts[n] = text
    return redact_pieces(texts)


def joined(pieces: Sequence[Piece], labels: Mapping[str, str]) -> str:
    """One text: a line for each turn, with the speaker's label if there is more than one speaker."""
    said = [piece for piece in pieces if piece.text.strip()]
    are_many = len({piece.track for piece in said}) > 1
    lines: list[str] = []
    for track, turn in groupby(said, key=lambda piece: piece.track):
        words = " ".join(piece.text.strip() for piece in turn)
        lines.append(f"{_label(track, labels)}: {words}" if are_many else words)
    return redact("\n".join(lines))[0]


def _label(track: str, labels: Mapping[str, str]) -> str:
    told = labels.get(track, "").strip()
    return told if len(told) <= _LONGEST_LABEL and _LABEL.match(told) else _DEFAULT.get(track, track)
