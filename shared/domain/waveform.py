"""The picture of a recording: how loud it is from its beginning to its end, each channel in a row of its own.

Peaks are bytes (0 is silence, 255 as loud as it gets), the same number for each channel, one channel after the other.
"""

import struct
import zlib
from html import escape
from itertools import pairwise
from typing import Final

SMALLEST, WIDEST, HIGHEST = 16, 2000, 1000  # pixels: a picture of the largest size is drawn in some milliseconds
_PAPER: Final = b"\xff\xff\xff"
_INKS: Final = (b"\x1f\x6f\xb2", b"\xb2\x5a\x1f")  # one for each channel, told apart by the colour-blind too


def svg(peaks: bytes, channels: int, width: int, height: int, title: str) -> str:
    """A picture for browsers, which also says `title` to those who hear a page instead of seeing it."""
    row = height / channels
    paths = "".join(
        f'<path stroke="#{ink.hex()}" d="{_bars(columns, row * number + row / 2, row / 2)}"/>'
        for number, (columns, ink) in enumerate(zip(_columns(peaks, channels, width), _INKS, strict=False))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><title id="title">{escape(title)}</title>{paths}</svg>\n'
    )


def png(peaks: bytes, channels: int, width: int, height: int) -> bytes:
    """The same as PNG with a palette of three (W3C PNG, colour type 3)."""
    rows = [
        b"\0" + line  # each line of a PNG names its filter: none
        for number, columns in enumerate(_columns(peaks, channels, width))
        for line in _lines(columns, number + 1, _share(height, channels, number))
    ]
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = (
        _chunk(b"IHDR", header),
        _chunk(b"PLTE", _PAPER + b"".join(_INKS)),
        _chunk(b"IDAT", zlib.compress(b"".join(rows))),
        _chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _columns(peaks: bytes, channels: int, width: int) -> list[bytes]:
    """For each channel the loudest of what falls into each pixel of the width."""
    each = len(peaks) // channels
    return [_squeezed(peaks[number * each : (number + 1) * each], width) for number in range(channels)]


def _squeezed(peaks: bytes, width: int) -> bytes:
    count = len(peaks)
    starts = [column * count // width for column in range(width + 1)]
    return bytes(max(peaks[start : max(stop, start + 1)]) for start, stop in pairwise(starts))


def _bars(columns: bytes, middle: float, half: float) -> str:
    """A stroke for each pixel; where there is silence a thin line is left."""
    bars = ((at + 0.5, max(0.5, peak / 255 * half)) for at, peak in enumerate(columns))
    return "".join(f"M{x:g} {middle - tall:.1f}V{middle + tall:.1f}" for x, tall in bars)


def _share(height: int, channels: int, number: int) -> int:
    """The lines of a channel: all of them together are exactly the height."""
    return height * (number + 1) // channels - height * number // channels


def _lines(columns: bytes, ink: int, height: int) -> list[bytes]:
    """A line is drawn where the peak reaches its distance from the middle: a table of 256 answers for each distance."""
    middle = (height - 1) / 2
    lines = []
    for at in range(height):
        distance = abs(at - middle)
        reached = bytes(ink if distance < 1 or peak / 255 * middle >= distance else 0 for peak in range(256))
        lines.append(columns.translate(reached))
    return lines


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
