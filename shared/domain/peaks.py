"""How loud a recording is along its length: for people who would rather look."""

import sys
from array import array
from typing import Final

MOST: Final = 1000  # peaks a channel: more than a screen shows side by side
_LOUDEST: Final = 255


class Peaks:
    """Takes 16-bit little-endian sound as it passes by; holds the peaks and no sound."""

    def __init__(self, channels: int, frames: int) -> None:
        """`frames`: at least as many as will come (a frame is one sample of each channel)."""
        self._channels = channels
        self._width = max(1, -(-frames // MOST))  # frames of one peak
        self._filled = 0  # frames of the last peak that have come
        self._peaks = [bytearray() for _ in range(channels)]

    def add(self, sound: bytes) -> None:
        """The next whole frames."""
        samples = array("h", sound)
        if sys.byteorder == "big":
            samples.byteswap()
        start, frames = 0, len(samples) // self._channels
        while start < frames:
            count = min(self._width - self._filled, frames - start)
            self._add(samples[start * self._channels : (start + count) * self._channels])
            start += count

    def _add(self, part: "array[int]") -> None:
        """Frames of one peak. `max` and `min` are C: an hour of one channel takes about a second."""
        for channel, peaks in enumerate(self._peaks):
            mine = part[channel :: self._channels]
            loudest = min(_LOUDEST, max(max(mine), -min(mine)) >> 7)
            if self._filled:
                peaks[-1] = max(peaks[-1], loudest)
            else:
                peaks.append(loudest)
        self._filled = (self._filled + len(part) // self._channels) % self._width

    def taken(self) -> bytes:
        """Per channel the same number of peaks, at most MOST, 0-255; one channel after the other."""
        return b"".join(self._peaks)
