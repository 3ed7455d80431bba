"""What is stored of a recording: its size and digests, so that any part of it can be checked when it is read."""

import hashlib
from dataclasses import dataclass
from typing import Final

# A reader checks whole blocks: small enough to hold one per listener, large enough that an hour has some hundred digests.
BLOCK_BYTES: Final = 1 << 20
DIGEST_BYTES: Final = 32  # SHA-256


@dataclass(frozen=True, slots=True)
class Sound:
    """The bytes of one recording, without the bytes. `blocks` is the SHA-256 of each MiB, one after the other."""

    size_bytes: int
    sha256: bytes
    blocks: bytes
    content_type: str

    @property
    def suffix(self) -> str:
        """For the object's key and a listener's file name."""
        return "mp3" if self.content_type == "audio/mpeg" else "wav"


class Digest:
    """Counts and hashes what passes by, whole and in blocks."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._whole = hashlib.sha256()
        self._block = hashlib.sha256()
        self._blocks = bytearray()

    def update(self, chunk: bytes) -> None:
        """The next bytes, any number of them."""
        self._whole.update(chunk)
        rest = memoryview(chunk)
        while rest:
            room = BLOCK_BYTES - self.size_bytes % BLOCK_BYTES
            part, rest = rest[:room], rest[room:]
            self._block.update(part)
            self.size_bytes += len(part)
            if len(part) == room:
                self._end_block()

    def sound(self, content_type: str) -> Sound:
        """What has passed by until now."""
        blocks = bytes(self._blocks)
        if self.size_bytes % BLOCK_BYTES:
            blocks += self._block.digest()
        return Sound(self.size_bytes, self._whole.digest(), blocks, content_type)

    def _end_block(self) -> None:
        self._blocks += self._block.digest()
        self._block = hashlib.sha256()


def is_block(blocks: bytes, number: int, content: bytes) -> bool:
    """Whether `content` is the block of this number (from 0), whole."""
    expected = blocks[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES]
    return hashlib.sha256(content).digest() == expected
