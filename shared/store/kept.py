"""What every store answers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# What a store said of an object that it has taken or deleted: kept with the recording, as JSON.
Receipt = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """One object in the store."""

    key: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes that are being read: of a socket, or of frames that are decrypted on the way.

    `pieces` raises Transient when the store breaks off, Damaged when it is not what was stored. `close` gives back what is
    open and is safe to call twice.
    """

    pieces: Iterator[bytes]
    close: Callable[[], None]


def disposition(filename: str) -> str:
    """Content-Disposition that names a download. Our names are plain; what is not plain in another one is replaced."""
    plain = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in filename
    )
    return f'attachment; filename="{plain}"'
