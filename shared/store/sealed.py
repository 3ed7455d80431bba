"""A recording in a file that only its own place opens: a header, then frames of 1 MiB under AES-256-GCM.

Header: magic, format, the ring key's id, a random salt, the size of the sound. Each file has a key of its own (HKDF of the
ring's key and the salt), so a frame's nonce is its number and whether it is the last: the STREAM construction (Hoang,
Reyhanitabar, Rogaway and Vizar, 2015). The header and the object's key are authenticated with every frame. So frames that
were changed, swapped, dropped, added or taken from another file are refused, and a file under another name too.

`cryptography` is imported when it is first needed: the ingress starts without it.
"""

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from shared import log
from shared.errors import Damaged
from shared.store.ring import file_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FRAME_BYTES: Final = 1 << 20  # a block of `shared.domain.sound`: a range is read without a byte too many
TAG_BYTES: Final = 16
_MAGIC: Final = b"TSREC"
_FORMAT: Final = 1
_HEADER: Final = struct.Struct(">5sB16s32sQ")
_NONCE: Final = struct.Struct(">3xQB")  # 96 bits: the frame's number, and 1 for the last one


@dataclass(frozen=True)
class Seal:
    """What one file is sealed with."""

    header: bytes
    key_id: str
    size_bytes: int
    _cipher: "AESGCM"
    _bound: bytes  # authenticated with every frame

    def frame(self, number: int, plain: bytes) -> bytes:
        return self._cipher.encrypt(self._nonce(number), plain, self._bound)

    def plain(self, number: int, frame: bytes) -> bytes:
        """Raises Damaged for a frame that is not the one that was written there."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(self._nonce(number), frame, self._bound)
        except (InvalidTag, ValueError) as fault:
            raise Damaged("changed") from fault

    def _nonce(self, number: int) -> bytes:
        return _NONCE.pack(number, number == frames(self.size_bytes) - 1)


def frames(size_bytes: int) -> int:
    """How many frames a sound of this size has. An empty one has one, so that its end is sealed too."""
    return max(1, -(-size_bytes // FRAME_BYTES))


def file_bytes(size_bytes: int) -> int:
    """The size of the file of a sound."""
    return _HEADER.size + size_bytes + frames(size_bytes) * TAG_BYTES


def sound_bytes(size_bytes: int) -> int:
    """The size of the sound in a file, which is not opened for it."""
    body = max(0, size_bytes - _HEADER.size)
    return max(0, body - -(-body // (FRAME_BYTES + TAG_BYTES)) * TAG_BYTES)


def new_seal(ring: Mapping[str, bytes], key: str, size_bytes: int) -> Seal:
    """For a file that is to be written: with the first key of the ring."""
    name, secret = next(iter(ring.items()))
    salt = os.urandom(32)
    header = _HEADER.pack(_MAGIC, _FORMAT, name.encode(), salt, size_bytes)
    return _seal(header, name, secret, salt, key, size_bytes)


def read_seal(ring: Mapping[str, bytes], key: str, file: IO[bytes]) -> Seal:
    """Of a file that is there. Raises Damaged: truncated, changed, or unreadable (by a key that the ring does not have)."""
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise Damaged("truncated")
    magic, form, padded, salt, size_bytes = _HEADER.unpack(header)
    name = padded.rstrip(b"\0").decode(errors="replace")
    if (magic, form) != (_MAGIC, _FORMAT):
        raise Damaged("changed")
    if name not in ring:
        log.get().error("recording_key_unknown", object_key=key, key_id=name)
        raise Damaged("unreadable")
    length = os.fstat(file.fileno()).st_size
    if length != file_bytes(size_bytes):
        raise Damaged("truncated" if length < file_bytes(size_bytes) else "changed")
    return _seal(header, name, ring[name], salt, key, size_bytes)


def plain_frames(seal: Seal, file: IO[bytes], first: int) -> Iterator[bytes]:
    """The frames from this number on, opened one by one. Raises Damaged at the first that is not what was written."""
    file.seek(_HEADER.size + first * (FRAME_BYTES + TAG_BYTES))
    for number in range(first, frames(seal.size_bytes)):
        yield seal.plain(number, file.read(FRAME_BYTES + TAG_BYTES))


def _seal(header: bytes, name: str, secret: bytes, salt: bytes, key: str, size_bytes: int) -> Seal:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return Seal(header, name, size_bytes, AESGCM(file_key(secret, salt)), header + key.encode())
