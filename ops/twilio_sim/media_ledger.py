"""Who has asked for the sound of which recording, what came of it, and when it was deleted: what a judge may rely on."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.twilio_sim.resources.recording import Recording
from ops.twilio_sim.sound import sounds_of


@dataclass
class Asked:
    """Of one recording: requests, those that got all of it, troubles by name. `elsewhere` counts what came to the other host,
    `elsewhere_with_credentials` those with an Authorization header. `deleted_s` is time.time().
    """

    requests: int = 0
    whole: int = 0
    troubles: Counter[str] = field(default_factory=Counter)
    elsewhere: int = 0
    elsewhere_with_credentials: int = 0
    deleted_s: float | None = None


class MediaLedger:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: defaultdict[str, Asked] = defaultdict(Asked)

    def request(self, sid: str, trouble: str) -> None:
        """Somebody with our password asks for the sound."""
        with self._lock:
            asked = self._asked[sid]
            asked.requests += 1
            asked.whole += not trouble
            asked.troubles.update([trouble] if trouble else [])

    def elsewhere(self, sid: str, *, has_credentials: bool) -> None:
        """The other host is asked."""
        with self._lock:
            asked = self._asked[sid]
            asked.elsewhere += 1
            asked.elsewhere_with_credentials += has_credentials

    def deleted(self, sid: str) -> None:
        """Now."""
        with self._lock:
            asked = self._asked[sid]
            asked.deleted_s = asked.deleted_s or time.time()

    def lines(self, recordings: Sequence[Recording]) -> list[dict[str, Any]]:
        """One for each recording. `sha256` is by format and channels, as `wav/2`, of what is served if nothing goes wrong."""
        return [self._line(recording) for recording in recordings]

    def clear(self) -> None:
        with self._lock:
            self._asked.clear()

    def _line(self, recording: Recording) -> dict[str, Any]:
        with self._lock:
            asked = self._asked[recording.sid]
            told = vars(asked) | {"troubles": dict(asked.troubles)}
        has_sound = recording.duration_s > 0 and recording.ready_world_s is not None
        sounds = sounds_of(recording) if has_sound else []
        return {
            "sid": recording.sid, "call_sid": recording.call_sid, "status": recording.status,
            "duration_s": recording.duration_s, "channels": recording.channels,
            "sha256": {f"{sound.format}/{sound.channels}": sound.sha256() for sound in sounds}, **told,
        }  # fmt: skip
