"""Sound for recordings: a tone of exact length, 16-bit PCM at 8 kHz, as Twilio stores telephone calls."""

import math
import struct
from collections.abc import Iterator

RATE_HZ = 8000
TONES_HZ = (400, 500)  # the caller's channel and the other one; both fit a whole number of samples


def wav_size(duration_s: int, channels: int) -> int:
    """Bytes of the whole file, its 44-byte header included."""
    return 44 + duration_s * RATE_HZ * channels * 2


def wav_chunks(duration_s: int, channels: int) -> Iterator[bytes]:
    """The file in pieces of one second, so that an hour of sound is never in memory at once."""
    yield _header(duration_s, channels)
    second = _second(channels)
    for _ in range(duration_s):
        yield second


def _header(duration_s: int, channels: int) -> bytes:
    data = duration_s * RATE_HZ * channels * 2
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, RATE_HZ, RATE_HZ * channels * 2, channels * 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + data) + b"WAVE" + form + b"data" + struct.pack("<I", data)


def _second(channels: int) -> bytes:
    waves = [_tone(TONES_HZ[channel]) for channel in range(channels)]
    return b"".join(struct.pack(f"<{channels}h", *samples) for samples in zip(*waves, strict=True))


def _tone(hertz: int) -> list[int]:
    """A quiet tone: an eighth of full scale."""
    return [round(4096 * math.sin(2 * math.pi * hertz * n / RATE_HZ)) for n in range(RATE_HZ)]
