"""A dialled leg: the call Twilio places to one phone for a <Dial>, and what that phone does."""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ops.twilio_sim.phones import Phone
from ops.twilio_sim.resources.call import Call
from ops.twilio_sim.twiml import number_in, text_of
from ops.twilio_sim.voice.amd import NO_DETECTOR, Detection, Detector, mode_of
from ops.twilio_sim.voice.line import HungUp, Line
from ops.twilio_sim.voice.recorder import finish_all
from ops.twilio_sim.voice.run import Go, Run
from ops.twilio_sim.voice.status import NOBODY, Watcher, tell, watcher
from ops.twilio_sim.voice.story import begin, follow_turn
from ops.twilio_sim.webhooks.mishaps import is_silent

NOUNS = ("Number", "Client", "Sip")


@dataclass(frozen=True)
class Target:
    """A noun of <Dial> with its addresses made absolute; `screen` is its url, asked when the phone is picked up.

    `address` is E.164, `client:name` or `sip:name@host`.
    """

    address: str
    screen: str = ""
    screen_method: str = "POST"
    watcher: Watcher = NOBODY
    detector: Detector = NO_DETECTOR

    @property
    def is_telephone(self) -> bool:
        return not self.address.startswith(("client:", "sip:", "sips:"))


def target_of(run: Run, noun: Element) -> Target:
    callback, screen = noun.get("statusCallback", "").strip(), noun.get("url", "").strip()
    amd = noun.get("amdStatusCallback", "").strip()
    return Target(
        address=_address(noun),
        screen=run.at(screen) if screen else "",
        screen_method=_method(noun, "method"),
        watcher=watcher(
            run.at(callback) if callback else "",
            _method(noun, "statusCallbackMethod"),
            noun.get("statusCallbackEvent", ""),
        ),
        detector=Detector(
            mode_of(noun.get("machineDetection", "")),
            run.at(amd) if amd else "",
            _method(noun, "amdStatusCallbackMethod"),
            number_in(noun, "machineDetectionTimeout", 30, 3, 60),
        ),
    )


class Leg:
    """`decides_at_s` is when the phone answers or turns out busy, counted from the start of ringing."""

    def __init__(self, run: Run, target: Target, caller_id: str) -> None:
        boss = run.line
        self.run, self.world, self.target = run, run.world, target
        self.phone: Phone = self.world.phone(target.address)
        sid = self.world.sids.of("CA", boss.call.sid, target.address)
        self.call = Call(
            sid, boss.call.account_sid, caller_id, target.address, "outbound-dial", "queued",
            parent_call_sid=boss.call.sid, forwarded_from=boss.call.to, born_s=self.world.clock.world_s(),
            is_silent=is_silent(self.world, sid),
        )  # fmt: skip
        self.world.calls.add(self.call)
        boss.call.children.append(self.call)
        self.line = Line(self.world, self.call, boss=boss)
        self.line.digits, self.line.leaves_at_s = self.phone.keys, self.phone.leaves_after_s
        self.line.speaks_s = self.phone.speaks_s
        self._detection: Detection | None = None
        boss.legs.append(self.line)

    @property
    def is_ringing(self) -> bool:
        return not self.call.is_over and self.line.answered_at_s is None

    @property
    def decides_at_s(self) -> float:
        if self.phone.answers == "busy":
            return min(1.0, self.phone.answer_after_s)
        return self.phone.answer_after_s if self.phone.picks_up else float("inf")

    def ring(self) -> None:
        tell(self.world, self.call, self.target.watcher, "initiated")
        if self.phone.answers == "failed":
            self.finish("failed")
            return
        self.call.move("ringing")
        tell(self.world, self.call, self.target.watcher, "ringing")

    def answer(self) -> None:
        self.line.at_s = 0.0
        self.line.answer()
        tell(self.world, self.call, self.target.watcher, "answered")
        if self.target.detector.mode:
            self._detection = Detection(self.world, self.call, self.target.detector, self.phone)

    def is_let_through(self) -> bool:
        """Runs the whisper, if there is one: the callee may hang up there, or fail to press the right key.

        Raises Redirected when the REST API turned the leg meanwhile.
        """
        if not self.target.screen:
            return True
        verbs = {name: verb for name, verb in self.run.verbs.items() if name != "Dial"}
        try:
            Run(self.line, verbs).run(Go(self.target.screen, self.target.screen_method, "whisper"))
        except HungUp as ended:
            if ended.line is self.line:
                return False
            raise
        return True

    def finish(self, status: str) -> None:
        """The last thing that is heard of this leg."""
        if self.line.over.is_set():
            return
        finish_all(self.line)
        self.line.close_call(status)
        self.line.over.set()
        self.world.lines.pop(self.call.sid, None)
        if self.line.boss and self.line in self.line.boss.legs:
            self.line.boss.legs.remove(self.line)
        if self._detection:
            self._detection.cut_short()
        tell(self.world, self.call, self.target.watcher, "completed")

    def go_alone(self) -> None:
        """The REST API gave it TwiML of its own: it lives on without its caller, on its own thread."""
        self.line.stand_alone()
        begin(self.line, self._live_alone)

    def _live_alone(self) -> None:
        follow_turn(Run(self.line, self.run.verbs))
        self.finish("completed")


def _address(noun: Element) -> str:
    identity = noun.find("Identity")
    said = text_of(noun if identity is None else identity)
    prefix = {"Client": "client:", "Sip": "sip:"}.get(noun.tag, "")
    return said if not said or said.startswith((prefix, "sips:")) else prefix + said


def _method(noun: Element, name: str) -> str:
    return "GET" if noun.get(name, "POST").upper() == "GET" else "POST"
