"""A dialled leg: the call Twilio places to one number for a <Dial>, and what that phone does."""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ops.twilio_sim.phones import Phone
from ops.twilio_sim.resources.call import Call
from ops.twilio_sim.twiml import text_of
from ops.twilio_sim.voice.line import HungUp, Line
from ops.twilio_sim.voice.run import Go, Run
from ops.twilio_sim.voice.status import NOBODY, Watcher, tell, watcher


@dataclass(frozen=True)
class Target:
    """A <Number> with its addresses made absolute; `screen` is its url, asked when the phone is picked up."""

    number: str
    screen: str = ""
    screen_method: str = "POST"
    watcher: Watcher = NOBODY


def target_of(run: Run, noun: Element) -> Target:
    callback, screen = noun.get("statusCallback", "").strip(), noun.get("url", "").strip()
    return Target(
        number=text_of(noun),
        screen=run.at(screen) if screen else "",
        screen_method="GET" if noun.get("method", "POST").upper() == "GET" else "POST",
        watcher=watcher(
            run.at(callback) if callback else "",
            "GET" if noun.get("statusCallbackMethod", "POST").upper() == "GET" else "POST",
            noun.get("statusCallbackEvent", ""),
        ),
    )


class Leg:
    """`decides_at_s` is when the phone answers or turns out busy, counted from the start of ringing."""

    def __init__(self, run: Run, target: Target, caller_id: str) -> None:
        boss = run.line
        self.run, self.world, self.target = run, run.world, target
        self.phone: Phone = self.world.phone(target.number)
        sid = self.world.sids.new("CA")
        self.call = Call(
            sid, boss.call.account_sid, caller_id, target.number, "outbound-dial", "queued",
            parent_call_sid=boss.call.sid, forwarded_from=boss.call.to,
        )  # fmt: skip
        self.world.calls.add(self.call)
        self.line = Line(self.world, self.call, boss=boss)
        self.line.digits = self.phone.digits
        boss.legs.append(self.line)

    @property
    def is_ringing(self) -> bool:
        return not self.call.is_over and self.line.answered_at_s is None

    @property
    def decides_at_s(self) -> float:
        return {"answer": self.phone.answer_after_s, "busy": min(1.0, self.phone.answer_after_s)}.get(
            self.phone.answers, float("inf")
        )

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

    def is_let_through(self) -> bool:
        """Runs the whisper, if there is one: the callee may hang up there, or fail to press the right key."""
        if not self.target.screen:
            return True
        try:
            Run(self.line, self.run.verbs).run(Go(self.target.screen, self.target.screen_method, "whisper"))
        except HungUp as ended:
            if ended.line is self.line:
                return False
            raise
        return True

    def finish(self, status: str) -> None:
        """The last thing that is heard of this leg."""
        if self.line.over.is_set():
            return
        self.call.duration_s = round(self.line.talked_s)
        self.call.move(status)
        self.line.over.set()
        self.world.lines.pop(self.call.sid, None)
        if self.line.boss and self.line in self.line.boss.legs:
            self.line.boss.legs.remove(self.line)
        tell(self.world, self.call, self.target.watcher, "completed")
