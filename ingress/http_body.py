"""Where the body of an odd request ends, so that the loop waits for the rest of it and no thread does.

Plain requests say their length in plain words (`http_head`). What any other one means is gunicorn's parser's to decide;
here its bytes are only counted, by the same rules (RFC 9112, section 6), and of those gunicorn refuses nothing is waited for.
"""

import re
from typing import Final

from ingress.http_head import END
from ingress.limits import MOST_BODY_BYTES

_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length:[ \t]*([0-9]+)[ \t]*(?=\r\n|\Z)")
_CHUNKED: Final = re.compile(rb"(?i)\r\ntransfer-encoding:[^\r\n]*\bchunked\b")
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?=[;\r])")
_MOST_DIGITS: Final = 10  # of a length that is worth reading as a number


class Sized:
    """A body of `length` bytes, at most `most`; 0 also when there is none, or when gunicorn will not ask how long it is."""

    def __init__(self, start: int, length: int, most: int) -> None:
        self._end = start + length
        self.is_too_large = length > most

    def is_whole(self, buf: bytes) -> bool:
        """Whether all of it is in `buf`."""
        return len(buf) >= self._end


class Chunked:
    """A body in chunks, followed from one to the next: what was seen is not looked at again when more has come."""

    is_too_large = False  # nobody has said how long it will be

    def __init__(self, start: int) -> None:
        self._at = start  # of the next chunk's size, or of the trailers
        self._is_last = False

    def is_whole(self, buf: bytes) -> bool:
        """Whether the last chunk and the trailers are in `buf`, or what cannot be chunks: gunicorn refuses that."""
        while not self._is_last:
            line_end = buf.find(b"\r\n", self._at)
            if line_end < 0:
                return False
            size = _CHUNK_SIZE.match(buf, self._at, line_end + 1)
            if size is None:
                return True
            length = int(size[1], 16)
            self._is_last = length == 0
            following = line_end + 2 + (length + 2 if length else 0)
            if following > len(buf):
                return False
            self._at = following
        return buf.startswith(b"\r\n", self._at) or buf.find(END, self._at) >= 0


def of(raw: bytes, start: int, most: int = MOST_BODY_BYTES) -> Sized | Chunked:
    """The body of at most `most` bytes that begins at `start`, behind the head `raw` (without its empty line)."""
    lengths = _LENGTH.findall(raw)
    if not lengths and _CHUNKED.search(raw):
        return Chunked(start)
    if len(lengths) != 1 or _CHUNKED.search(raw):
        return Sized(start, 0, most)
    digits = lengths[0].lstrip(b"0") or b"0"
    return Sized(start, int(digits) if len(digits) <= _MOST_DIGITS else most + 1, most)
