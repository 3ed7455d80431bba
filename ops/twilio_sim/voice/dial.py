"""<Dial>: rings other phones, joins the first that answers, and reports to `action` how it went."""

from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from ops.twilio_sim.twiml import number_in, text_of
from ops.twilio_sim.voice.leg import Leg, Target, target_of
from ops.twilio_sim.voice.line import HungUp, Redirected
from ops.twilio_sim.voice.recorder import Tape, finish_recording, recording_params, start_recording
from ops.twilio_sim.voice.run import Go, Run

MOST_NUMBERS = 10
RECORDS = {
    "true": 1, "record-from-answer": 1, "record-from-ringing": 1,
    "record-from-answer-dual": 2, "record-from-ringing-dual": 2,
}  # fmt: skip


@dataclass
class Outcome:
    """What the action request will say."""

    status: str = "failed"
    leg: Leg | None = None
    bridged: bool = False
    recorded: Tape | None = None
    fields: dict[str, str] = field(default_factory=dict)


def dial(run: Run, verb: Element) -> Go | None:
    """The caller may leave at any moment: then the action is still requested, with nobody to run its TwiML for."""
    dialling = Dialling(run, verb)
    try:
        dialling.ring()
    except HungUp:
        dialling.caller_left()
        if go := dialling.action():
            run.ask(go)
        raise
    except Redirected:
        dialling.caller_left(is_over=False)  # the call goes on elsewhere, and nobody is told of this dial
        raise
    return dialling.action()


class Dialling:
    def __init__(self, run: Run, verb: Element) -> None:
        self.run, self.verb, self.line = run, verb, run.line
        self.outcome = Outcome()
        self.legs: list[Leg] = []
        self.targets = self._targets()
        self.timeout_s = number_in(verb, "timeout", 30, 1, 600)
        self.caller_id = verb.get("callerId", "").strip() or run.call.from_
        self.step = run.call.note("Dial", numbers=[t.number for t in self.targets])

    def ring(self) -> None:
        if self.verb.get("answerOnBridge", "false") != "true":
            self.line.answer()
        self._record_from("ringing")
        in_turn = self.verb.get("sequential", "false") == "true"
        for group in [[t] for t in self.targets] if in_turn else [self.targets]:
            if self._ring_at_once(group):
                break
        self._settle()

    def caller_left(self, *, is_over: bool = True) -> None:
        """Ringing phones fall silent, a conversation is over, and the call too, unless it was sent elsewhere."""
        talked = self.outcome.leg is not None and self.outcome.bridged
        for leg in self.legs:
            leg.finish("completed" if leg.line.answered_at_s is not None else "canceled")
        self.outcome.leg = self.outcome.leg or (self.legs[-1] if self.legs else None)
        self.outcome.status = "completed" if talked else "canceled"
        if is_over:
            self.line.close_call(self.line.final_status)
        self._settle()

    def action(self) -> Go | None:
        """Without an action the verbs after <Dial> follow; with one they never do."""
        action = self.verb.get("action", "").strip()
        if not action:
            return None
        method = "GET" if self.verb.get("method", "POST").upper() == "GET" else "POST"
        return Go(self.run.at(action), method, "dial-action", self.outcome.fields)

    # Ringing.

    def _ring_at_once(self, targets: list[Target]) -> bool:
        """True when somebody answered (and the conversation is over)."""
        legs = [Leg(self.run, target, self.caller_id) for target in targets]
        self.legs += legs
        for leg in legs:
            leg.ring()
        winner = self._first_to_answer(legs)
        for leg in legs:
            if leg is not winner and leg.is_ringing:
                leg.finish("canceled" if winner else "no-answer")
        if winner:
            self._talk(winner)
        return winner is not None

    def _first_to_answer(self, legs: list[Leg]) -> Leg | None:
        rung_s = 0.0
        while (ringing := [leg for leg in legs if leg.is_ringing]) and rung_s < self.timeout_s:
            next_s = min(self.timeout_s, *(leg.decides_at_s for leg in ringing))
            rung_s += self.line.wait(next_s - rung_s)
            for leg in sorted(ringing, key=lambda leg: leg.decides_at_s):
                if leg.line.is_asked_to_end:
                    leg.finish("canceled")
                elif leg.decides_at_s <= rung_s and leg.phone.answers == "busy":
                    leg.finish("busy")
                elif leg.decides_at_s <= rung_s:
                    return leg
        return None

    def _talk(self, leg: Leg) -> None:
        self.outcome.leg, self.outcome.status = leg, "completed"
        leg.answer()
        if leg.is_let_through():
            self.line.answer()
            self.outcome.bridged = True
            self._record_from("answer")
            self._converse(leg)
        leg.finish("completed")

    def _converse(self, leg: Leg) -> None:
        """Until the callee hangs up, the REST API ends the leg, or the time limit is reached."""
        try:
            leg.line.wait(min(leg.phone.talk_s, number_in(self.verb, "timeLimit", 14400, 1, 14400)))
        except HungUp as ended:
            if ended.line is not leg.line:
                raise

    # What is left behind.

    def _settle(self) -> None:
        outcome = self.outcome
        if outcome.leg is None and self.legs:
            outcome.leg, outcome.status = self.legs[-1], self._status_of_all()
        fields = {"DialCallStatus": outcome.status, "DialBridged": "true" if outcome.bridged else "false"}
        if outcome.leg:
            fields["DialCallSid"] = outcome.leg.call.sid
            fields["DialCallDuration"] = str(outcome.leg.call.duration_s or 0)
        self.step.update(status=outcome.status, bridged=outcome.bridged)
        outcome.fields = fields | self._end_recording()

    def _status_of_all(self) -> str:
        states = [leg.call.status for leg in self.legs]
        return next((s for s in ("no-answer", "busy", "canceled", "failed") if s in states), "failed")

    def _record_from(self, moment: str) -> None:
        wish = self.verb.get("record", "do-not-record")
        begins = "ringing" if "ringing" in wish else "answer"
        if wish not in RECORDS or begins != moment:
            return
        callback = self.verb.get("recordingStatusCallback", "").strip()
        self.outcome.recorded = start_recording(
            self.line,
            source="DialVerb",
            channels=RECORDS[wish],
            track=self.verb.get("recordingTrack", "both"),
            callback=self.run.at(callback) if callback else "",
            method="GET" if self.verb.get("recordingStatusCallbackMethod", "POST").upper() == "GET" else "POST",
            events=self.verb.get("recordingStatusCallbackEvent", "completed"),
        )

    def _end_recording(self) -> dict[str, str]:
        tape = self.outcome.recorded
        if tape is None:
            return {}
        finish_recording(self.line, tape)
        self.step["recording"] = tape.recording.sid
        return recording_params(self.run.world, tape.recording)

    def _targets(self) -> list[Target]:
        """Numbers only: clients, SIP and conferences are passed over with a warning."""
        nouns = [noun for noun in self.verb if isinstance(noun.tag, str)]
        for noun in nouns:
            if noun.tag != "Number":
                self.run.call.note(noun.tag, warning="12200: this Twilio dials numbers only")
        targets = [target_of(self.run, noun) for noun in nouns if noun.tag == "Number" and text_of(noun)]
        if not nouns and text_of(self.verb):
            targets = [Target(text_of(self.verb))]
        return targets[:MOST_NUMBERS]
