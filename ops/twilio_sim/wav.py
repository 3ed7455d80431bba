"""Sound for recordings: tones of exact length, 16-bit PCM at 8 kHz, as Twilio stores telephone calls.

Each recording has tones of its own, and each second of it begins with a quiet mark: no two are alike, nor two seconds of one.
"""

import math
import struct
from collections.abc import Iterator
from functools import lru_cache

from ops.twilio_sim.dice import digest

RATE_HZ = 8000
TONES_HZ = (300, 600)  # the least of the caller's channel and of the other one; every whole number fits a second
MARK_BYTES = 32


def wav_size(duration_s: int, channels: int) -> int:
    """Bytes of the whole file, its 44-byte header included."""
    return 44 + duration_s * RATE_HZ * channels * 2


def wav_chunks(name: str, duration_s: int, channels: int) -> Iterator[bytes]:
    """The file of the recording `name` in pieces of one second, so that an hour of sound is never in memory at once."""
    yield _header(duration_s, channels)
    pitch = digest("pitch", name, size=2)
    second = _second(tuple(TONES_HZ[channel] + pitch[channel] for channel in range(channels)))
    for number in range(duration_s):
        mark = _mark(name, number)
        yield mark + second[len(mark) :]


def _header(duration_s: int, channels: int) -> bytes:
    data = duration_s * RATE_HZ * channels * 2
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, RATE_HZ, RATE_HZ * channels * 2, channels * 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + data) + b"WAVE" + form + b"data" + struct.pack("<I", data)


def _mark(name: str, number: int) -> bytes:
    """Some samples that hardly anybody hears."""
    samples = [byte - 128 for byte in digest("mark", name, number, size=MARK_BYTES)]
    return struct.pack(f"<{MARK_BYTES}h", *samples)


@lru_cache(maxsize=64)  # a second is up to 32 kB, and takes some milliseconds to make
def _second(tones_hz: tuple[int, ...]) -> bytes:
    waves = [_tone(hertz) for hertz in tones_hz]
    return b"".join(struct.pack(f"<{len(waves)}h", *samples) for samples in zip(*waves, strict=True))


def _tone(hertz: int) -> list[int]:
    """A quiet tone: an eighth of full scale."""
    return [round(4096 * math.sin(2 * math.pi * hertz * n / RATE_HZ)) for n in range(RATE_HZ)]
