"""Whether what was fetched is a recording, whole, and the one that Twilio told of."""

import wave
from dataclasses import dataclass
from typing import IO, Final

from shared.domain.mpeg_audio import FrameCounter
from shared.domain.peaks import Peaks
from shared.errors import Transient

# Twilio rounds a duration to whole seconds, and cuts silence while it measures.
TOLERANCE_S: Final = 1.0
_FRAMES_AT_ONCE: Final = 32_768  # four seconds of 8 kHz sound, so that memory stays small
_CHUNK_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recording is, counted from its sound. `peaks` are `shared.domain.peaks`'; empty for an MP3."""

    length_s: float
    channels: int
    peaks: bytes


def check(file: IO[bytes], duration_s: int | None, *, is_mp3: bool = False, channels: int | None = None) -> Heard:
    """Reads all of it. None: Twilio did not say. Raises Transient: a later try may bring what is wanted.

    The sound is counted, not taken from the header: that is written first, and a file cut short keeps it.
    """
    file.seek(0)
    try:
        heard = _mp3(file) if is_mp3 else _wav(file)
    except (wave.Error, EOFError, ZeroDivisionError, ValueError) as fault:
        raise Transient(f"media_unreadable: {fault}") from fault
    if not heard.length_s:
        raise Transient("media_empty")
    if duration_s is not None and abs(heard.length_s - duration_s) > TOLERANCE_S:
        raise Transient(f"media_length: {heard.length_s:.1f} s instead of {duration_s} s")
    if channels is not None and heard.channels != channels:
        raise Transient(f"media_channels: {heard.channels} instead of {channels}")
    return heard


def _wav(file: IO[bytes]) -> Heard:
    size_bytes = file.seek(0, 2)
    file.seek(0)
    with wave.open(file, "rb") as audio:
        channels, width = audio.getnchannels(), audio.getsampwidth()
        # Pictures are drawn of what Twilio sends, 16 bits in one or two channels; anything else is stored without.
        peaks = Peaks(channels, size_bytes // (channels * width)) if width == 2 and channels in (1, 2) else None
        total = 0
        while chunk := audio.readframes(_FRAMES_AT_ONCE):
            whole = len(chunk) - len(chunk) % (channels * width)
            total += whole
            if peaks is not None:
                peaks.add(chunk[:whole])
        return Heard(total / (channels * width) / audio.getframerate(), channels, peaks.taken() if peaks else b"")


def _mp3(file: IO[bytes]) -> Heard:
    frames = FrameCounter()
    while chunk := file.read(_CHUNK_BYTES):
        frames.feed(chunk)
    return Heard(*frames.end(), b"")
