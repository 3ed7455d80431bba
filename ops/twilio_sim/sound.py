"""The sound of a recording as a file: WAV or MP3, of one channel or two; the same bytes however often it is asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from ops.twilio_sim.mp3 import mp3_chunks, mp3_size
from ops.twilio_sim.resources.recording import Recording
from ops.twilio_sim.wav import wav_chunks, wav_size

Format = Literal["wav", "mp3"]
TYPES: dict[Format, str] = {"wav": "audio/x-wav", "mp3": "audio/mpeg"}


@dataclass(frozen=True)
class Sound:
    """`name` decides what is heard."""

    name: str
    format: Format
    duration_s: int
    channels: int

    @property
    def size(self) -> int:
        """Bytes."""
        return wav_size(self.duration_s, self.channels) if self.format == "wav" else mp3_size(self.duration_s)

    def chunks(self) -> Iterator[bytes]:
        make = wav_chunks if self.format == "wav" else mp3_chunks
        return make(self.name, self.duration_s, self.channels)

    def sha256(self) -> str:
        """In hex."""
        found = sha256()
        for chunk in self.chunks():
            found.update(chunk)
        return found.hexdigest()


def sounds_of(recording: Recording) -> list[Sound]:
    """Every file that can be asked for."""
    return [
        Sound(recording.sid, form, recording.duration_s, channels)
        for form in TYPES
        for channels in range(1, recording.channels + 1)
    ]
