"""Sound as it was stored, or none: every block of it is compared with its digest before a byte of it is passed on."""

from collections.abc import Callable, Iterator

from shared.domain.sound import BLOCK_BYTES, Digest, Sound, is_block
from shared.errors import Damaged
from shared.store.kept import Source

# Reads the bytes from the first number up to the second of one object, as `read` of a store does.
Reader = Callable[[int, int], Source]


class Verified(Iterator[bytes]):
    """Pieces of a range, of up to 1 MiB. Each raises Damaged instead if its block is not what was stored, or Transient.

    At most two blocks are in memory. `close` gives the source back and is safe to call twice.
    """

    def __init__(self, source: Source, sound: Sound, start: int, stop: int) -> None:
        self._source, self._sound, self._start, self._stop = source, sound, start, stop
        self._number = start // BLOCK_BYTES
        self._rest = b""
        self._first: bytes | None = self._checked()

    def __next__(self) -> bytes:
        piece, self._first = self._first or self._checked(), None
        if not piece:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        self._source.close()

    def _checked(self) -> bytes:
        """What is asked for of the next block; nothing after the last one."""
        at = self._number * BLOCK_BYTES
        if at >= self._stop:
            return b""
        try:
            block = self._block(min(BLOCK_BYTES, self._sound.size_bytes - at))
        except BaseException:
            self.close()
            raise
        self._number += 1
        return block[max(self._start - at, 0) : self._stop - at]

    def _block(self, length: int) -> bytes:
        held = bytearray(self._rest)
        while len(held) < length:
            piece = next(self._source.pieces, b"")
            if not piece:
                raise Damaged("truncated")
            held += piece
        block, self._rest = bytes(held[:length]), bytes(held[length:])
        if not is_block(self._sound.blocks, self._number, block):
            raise Damaged("changed")
        return block


def verified(source_of: Reader, sound: Sound, start: int, stop: int) -> Verified:
    """The bytes from `start` up to `stop`. The first block of them is read and compared now, so that a store that is down
    or a recording that is damaged is known before an answer begins.

    Whole blocks are read for it. Raises Damaged, Transient; ValueError when the sound has no such bytes.
    """
    if not 0 <= start < stop <= sound.size_bytes:
        raise ValueError("no such bytes")
    end = min(-(-stop // BLOCK_BYTES) * BLOCK_BYTES, sound.size_bytes)
    return Verified(source_of(start // BLOCK_BYTES * BLOCK_BYTES, end), sound, start, stop)


def check_all(source_of: Reader, sound: Sound) -> None:
    """Reads all of it back and compares the blocks and the whole. Raises Damaged, Transient."""
    found = Digest()
    if sound.size_bytes:
        for block in verified(source_of, sound, 0, sound.size_bytes):
            found.update(block)
    if found.sound(sound.content_type) != sound:
        raise Damaged("changed")
