"""Answering machine detection: who has picked up, and how the service is told."""

import threading
from dataclasses import dataclass

from ops.twilio_sim.phones import Phone
from ops.twilio_sim.resources.call import Call
from ops.twilio_sim.voice.line import Line
from ops.twilio_sim.voice.params import in_twilio_order
from ops.twilio_sim.webhooks import mishaps
from ops.twilio_sim.webhooks.letter import Letter
from ops.twilio_sim.world import World

MODES = ("Enable", "DetectMessageEnd")


@dataclass(frozen=True)
class Detector:
    """What was asked for; no `mode` means nothing. A `callback` is for detection beside the call."""

    mode: str = ""
    callback: str = ""
    method: str = "POST"
    timeout_s: float = 30.0

    def verdict(self, phone: Phone) -> str:
        """Only DetectMessageEnd waits for the beep; what takes longer than the timeout stays unknown."""
        if phone.amd_s > self.timeout_s:
            return "unknown"
        heard = phone.picked_up_by
        if heard.startswith("machine"):
            ends = heard if heard.startswith("machine_end") else "machine_end_beep"
            return ends if self.mode == "DetectMessageEnd" else "machine_start"
        return heard

    def takes_s(self, phone: Phone) -> float:
        return min(phone.amd_s, self.timeout_s)


NO_DETECTOR = Detector()


def mode_of(text: str) -> str:
    return text if text in MODES else ""


def detect(line: Line, detector: Detector, phone: Phone) -> None:
    """The call stands still until it is known: every webhook from then on says so."""
    seconds = detector.takes_s(phone)
    line.wait(seconds)
    line.call.answered_by, line.call.amd_ms = detector.verdict(phone), round(seconds * 1000)
    line.call.tells_amd = True


class Detection:
    """Runs beside a call that goes on; exactly one request tells how it ended."""

    def __init__(self, world: World, call: Call, detector: Detector, phone: Phone) -> None:
        self._world, self._call, self._detector = world, call, detector
        self._began_s, self._open = world.clock.world_s(), threading.Lock()
        seconds = detector.takes_s(phone)
        world.agenda.after(seconds, lambda: self._conclude(detector.verdict(phone), seconds))

    def cut_short(self) -> None:
        """Who hangs up before it is known stays unknown; Twilio's texts do not say what it really does."""
        passed_s = self._world.clock.world_s() - self._began_s
        self._world.agenda.after(0, lambda: self._conclude("unknown", passed_s))

    def _conclude(self, verdict: str, seconds: float) -> None:
        if not self._open.acquire(blocking=False):
            return
        self._call.answered_by, self._call.amd_ms = verdict, round(seconds * 1000)
        self._call.note("Amd", answered_by=verdict)
        if self._detector.callback and not self._call.is_silent:
            mishaps.post(self._world, self._letter(), more_to_come=False)

    def _letter(self) -> Letter:
        """These four parameters and no others, as Twilio documents them."""
        call = self._call
        params = {
            "CallSid": call.sid,
            "AccountSid": call.account_sid,
            "AnsweredBy": call.answered_by or "unknown",
            "MachineDetectionDuration": str(call.amd_ms or 0),
        }
        return Letter(
            "amd", call.sid, self._detector.callback, in_twilio_order(params), self._world.sids.token(),
            self._detector.method, voice=True,
        )  # fmt: skip
