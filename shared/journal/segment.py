"""One file of the journal: how entries lie in it, and what can be read back whatever happened to it.

A record is `mark | crc32 | id length | record length | id | record`. The mark is eight random bytes of the writing process,
also in the file's name: whatever a payload or an old disk block holds, it cannot look like the start of a record.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

_CRC: Final = Struct("<I")
_LENGTHS: Final = Struct("<HI")
_MARK_BYTES: Final = 8
_HEAD_BYTES: Final = _MARK_BYTES + _CRC.size + _LENGTHS.size
_NAME: Final = re.compile(r"(?P<stem>[\w.-]+-(?P<mark>[0-9a-f]{16}))-(?P<number>\d+)\.seg(?:\.damaged)?")


class Entry(NamedTuple):
    """An event as the journal holds it; the record is opaque here."""

    event_id: str
    record: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes that are no record. Torn: the last write before a crash, so never acknowledged. Else: damage."""

    at_byte: int
    size_bytes: int
    is_torn: bool


@dataclass(slots=True, eq=False)
class Segment:
    """A file that nobody appends to any more, and what this process knows of it.

    `is_whole`: closed in good order, so whatever does not read back is damage. `quiet_since` and `due_at` are monotonic.
    """

    path: Path
    is_whole: bool = False
    has_unsent: bool = True
    quiet_since: float = 0.0
    due_at: float = 0.0
    pause_s: float = 0.0


def owner_of(path: Path) -> str | None:
    """The name of the process that wrote this file; None if it is no segment."""
    named = _NAME.fullmatch(path.name)
    return named["stem"] if named else None


def encoded(entries: Sequence[Entry], mark: bytes) -> bytes:
    """The entries as they lie on the disk. Raises struct.error for an id above 64 KiB or a record above 4 GiB."""
    parts: list[bytes] = []
    for entry in entries:
        event_id, record = entry.event_id.encode(), entry.record
        body = _LENGTHS.pack(len(event_id), len(record)) + event_id + record
        parts += (mark, _CRC.pack(crc32(body)), body)
    return b"".join(parts)


def read(path: Path) -> Iterator[Entry | Gap]:
    """Every whole entry of a segment, and the gaps between them. Raises OSError; ValueError if the name is no segment's."""
    named = _NAME.fullmatch(path.name)
    if named is None:
        raise ValueError(f"{path.name} is not the name of a segment")
    # Not mmap: a disk error would be SIGBUS and the end of the process.
    return scan(path.read_bytes(), bytes.fromhex(named["mark"]))


def scan(data: bytes, mark: bytes) -> Iterator[Entry | Gap]:
    """The entries in `data`; after damage it goes on at the next record whose checksum holds."""
    at, gap_at = 0, -1
    while at < len(data):
        found = _entry_at(data, mark, at)
        if found is None:
            gap_at = at if gap_at < 0 else gap_at
            following = data.find(mark, at + 1)
            at = len(data) if following < 0 else following
            continue
        if gap_at >= 0:
            yield Gap(gap_at, at - gap_at, is_torn=False)
            gap_at = -1
        entry, at = found
        yield entry
    if gap_at >= 0:
        yield Gap(gap_at, len(data) - gap_at, is_torn=_is_torn(data[gap_at:], mark))


def _entry_at(data: bytes, mark: bytes, at: int) -> tuple[Entry, int] | None:
    """The entry that begins at byte `at`, and where it ends."""
    body_at = at + _MARK_BYTES + _CRC.size
    if not data.startswith(mark, at) or len(data) < at + _HEAD_BYTES:
        return None
    id_length, record_length = _LENGTHS.unpack_from(data, body_at)
    record_at = at + _HEAD_BYTES + id_length
    end = record_at + record_length
    if end > len(data) or crc32(data[body_at:end]) != _CRC.unpack_from(data, at + _MARK_BYTES)[0]:
        return None
    return Entry(data[at + _HEAD_BYTES : record_at].decode(), data[record_at:end]), end


def _is_torn(tail: bytes, mark: bytes) -> bool:
    """Whether the tail is the beginning of one record, or nothing at all, in space that was only allocated (zeros)."""
    written = tail.rstrip(b"\0")
    if len(written) < _HEAD_BYTES:
        return mark.startswith(written[:_MARK_BYTES])
    id_length, record_length = _LENGTHS.unpack_from(tail, _MARK_BYTES + _CRC.size)
    return tail.startswith(mark) and _HEAD_BYTES + id_length + record_length > len(written)
