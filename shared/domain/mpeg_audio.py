"""How long an MP3 is, counted frame by frame: no header says it, and a file that was cut short keeps its tags.

Layer III of MPEG 1, 2 (ISO/IEC 11172-3, 13818-3) and 2.5; the first frame may be Xing's, Info or VBRI: no sound.
"""

from dataclasses import dataclass
from typing import Final

_MPEG_1, _MPEG_2, _MPEG_25 = 3, 2, 0  # the header's version bits
_LAYER_3: Final = 1
_MONO: Final = 3
_RATES: Final = {
    _MPEG_1: (44_100, 48_000, 32_000),
    _MPEG_2: (22_050, 24_000, 16_000),
    _MPEG_25: (11_025, 12_000, 8_000),
}
# kbit/s by the header's index from 1; index 0 is "free", which nobody writes.
_KBITS_1: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_HEADER_BYTES: Final = 4
_TAG_BYTES: Final = 10  # of an ID3v2 tag before its content, and of its footer
_OLD_TAG_BYTES: Final = 128  # ID3v1, at the very end
_NO_SOUND: Final = (b"Xing", b"Info", b"VBRI")
_VBRI_AT: Final = 36


@dataclass(frozen=True, slots=True)
class Frame:
    """What a frame's header says. `rate` in Hz; `size_bytes` with the header."""

    version: int
    channels: int
    rate: int
    size_bytes: int

    @property
    def samples(self) -> int:
        """Of each channel."""
        return 1152 if self.version == _MPEG_1 else 576

    @property
    def side_bytes(self) -> int:
        """Size of the side information after the header."""
        return {(True, 2): 32, (True, 1): 17, (False, 2): 17, (False, 1): 9}[self.version == _MPEG_1, self.channels]


def frame_of(header: bytes | bytearray) -> Frame:
    """Reads four bytes. Raises ValueError when they begin no frame of layer III."""
    bits = int.from_bytes(header[:_HEADER_BYTES], "big")
    version, layer = bits >> 19 & 3, bits >> 17 & 3
    speed, rate, padding = bits >> 12 & 15, bits >> 10 & 3, bits >> 9 & 1
    if len(header) < _HEADER_BYTES or bits >> 21 != 0x7FF or layer != _LAYER_3 or version not in _RATES:
        raise ValueError("no frame of an MP3")
    if speed in (0, 15) or rate == 3:
        raise ValueError("a frame of no known size")
    hertz = _RATES[version][rate]
    kbits = (_KBITS_1 if version == _MPEG_1 else _KBITS_2)[speed - 1]
    size = (144 if version == _MPEG_1 else 72) * kbits * 1000 // hertz + padding
    return Frame(version, 1 if bits >> 6 & 3 == _MONO else 2, hertz, size)


class FrameCounter:
    """Takes an MP3 as it passes by; holds a frame at most. Raises ValueError where it is none."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._skip = 0  # bytes of a tag or a frame that are still to come
        self._first: Frame | None = None
        self._samples = 0
        self._may_be_tag = True

    def feed(self, chunk: bytes) -> None:
        """The next bytes, any number of them."""
        self._rest += chunk
        at = 0
        while (size := self._next(at)) is not None:
            at += size
        del self._rest[:at]

    def end(self) -> tuple[float, int]:
        """Its length in seconds and its channels. Raises ValueError when it ends within a frame, or has none."""
        if len(self._rest) == _OLD_TAG_BYTES and self._rest.startswith(b"TAG"):
            self._rest.clear()
        if self._skip or self._rest:
            raise ValueError("cut short")
        if self._first is None or not self._samples:
            raise ValueError("no sound")
        return self._samples / self._first.rate, self._first.channels

    def _next(self, at: int) -> int | None:
        """How many bytes may go, of those from `at`; None while more must come first."""
        there = len(self._rest) - at
        if self._skip:
            gone = min(self._skip, there)
            self._skip -= gone
            return gone or None
        if there < _TAG_BYTES or self._is_old_tag(at):
            return None
        if self._may_be_tag and self._rest[at : at + 3] == b"ID3":
            self._skip = _tag_size(bytes(self._rest[at : at + _TAG_BYTES]))
            return 0
        return self._frame(at, there)

    def _is_old_tag(self, at: int) -> bool:
        if self._rest[at : at + 3] != b"TAG":
            return False
        if len(self._rest) - at > _OLD_TAG_BYTES:
            raise ValueError("more after the last tag")
        return True

    def _frame(self, at: int, there: int) -> int | None:
        self._may_be_tag = False
        frame = frame_of(bytes(self._rest[at : at + _HEADER_BYTES]))
        if there < frame.size_bytes:
            return None
        if self._first is None:
            self._first = frame
            if _is_no_sound(bytes(self._rest[at : at + frame.size_bytes]), frame):
                return frame.size_bytes
        if (frame.version, frame.rate, frame.channels) != (self._first.version, self._first.rate, self._first.channels):
            raise ValueError("a frame of another kind")
        self._samples += frame.samples
        return frame.size_bytes


def _tag_size(tag: bytes | bytearray) -> int:
    """Of an ID3v2 tag, all of it: its size is written in four times seven bits."""
    if any(byte & 0x80 for byte in tag[6:10]):
        raise ValueError("a tag of no size")
    size = tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9]
    return _TAG_BYTES + size + (_TAG_BYTES if tag[5] & 0x10 else 0)


def _is_no_sound(content: bytes | bytearray, frame: Frame) -> bool:
    at = _HEADER_BYTES + frame.side_bytes
    return content[at : at + 4] in _NO_SOUND or content[_VBRI_AT : _VBRI_AT + 4] == b"VBRI"
