"""The REST API calls a person."""

from collections.abc import Callable
from dataclasses import dataclass

from ops.twilio_sim.phones import Phone
from ops.twilio_sim.resources.call import Call
from ops.twilio_sim.voice.amd import NO_DETECTOR, Detection, Detector, detect
from ops.twilio_sim.voice.line import HungUp, Line
from ops.twilio_sim.voice.recorder import recording_params, start_recording
from ops.twilio_sim.voice.run import Go, Run
from ops.twilio_sim.voice.status import NOBODY, Watcher, tell
from ops.twilio_sim.voice.story import begin, close, follow
from ops.twilio_sim.voice.verbs import VERBS
from ops.twilio_sim.webhooks.mishaps import is_silent
from ops.twilio_sim.world import World


@dataclass(frozen=True)
class Order:
    """What a client asked for with POST Calls.json; `go` is its Url or Twiml.

    The `detector` holds the call up until it knows who picked up, unless it is `amd_beside`.
    """

    to: str
    from_: str
    go: Go
    fallback: tuple[str, str] = ("", "POST")
    watcher: Watcher = NOBODY
    timeout_s: float = 60.0
    time_limit_s: float = 14400.0
    detector: Detector = NO_DETECTOR
    amd_beside: bool = False
    record: bool = False
    recording_channels: int = 1
    recording_track: str = "both"
    recording_callback: tuple[str, str, str] = ("", "POST", "completed")


def prepare_call(world: World, order: Order) -> tuple[Call, Callable[[], None]]:
    """The queued call, and what sets it going: a client is answered `queued` before anything happens."""
    number = world.number(order.from_)
    sid = world.sids.of("CA", "placed", order.to, order.from_, order.go.url, order.go.twiml)
    call = world.calls.add(
        Call(
            sid, world.account.sid, order.from_, order.to, "outbound-api", "queued",
            phone_number_sid=number.sid if number else None, born_s=world.clock.world_s(),
            is_silent=is_silent(world, sid),
        )
    )  # fmt: skip
    line = Line(world, call)
    return call, lambda: begin(line, lambda: _live(line, order))


def _live(line: Line, order: Order) -> None:
    phone = line.world.phone(order.to)
    line.digits, line.speaks_s = phone.keys, phone.speaks_s
    try:
        failure = _ring(line, order, phone)
    except HungUp:
        failure = line.final_status
    if failure:
        close(line, order.watcher, failure)
        return
    _talk(line, order, phone)


def _ring(line: Line, order: Order, phone: Phone) -> str:
    """The final status, or nothing when the phone was picked up."""
    _wait_for_turn(line)
    tell(line.world, line.call, order.watcher, "initiated")
    line.check()
    if phone.answers == "failed":
        return "failed"
    line.call.move("ringing")
    tell(line.world, line.call, order.watcher, "ringing")
    if phone.answers == "no-answer" or phone.answer_after_s > order.timeout_s:
        line.wait(order.timeout_s)
        return "no-answer"
    line.wait(phone.answer_after_s)
    return "busy" if phone.answers == "busy" else ""


def _wait_for_turn(line: Line) -> None:
    """An account places so many calls a second; the others are queued meanwhile."""
    if rate := line.world.settings.calls_per_s:
        turn_s = line.world.queues.take("calls", 1 / rate, float("inf")) or 0.0
        line.wait(max(0.0, turn_s - line.world.clock.world_s()))


def _talk(line: Line, order: Order, phone: Phone) -> None:
    line.answer()
    line.leaves_at_s = line.at_s + min(phone.talk_s, order.time_limit_s)
    if phone.leaves_after_s is not None:
        line.leaves_at_s = min(line.leaves_at_s, line.at_s + phone.leaves_after_s)
    try:
        beside = _detect(line, order, phone)
    except HungUp:
        close(line, order.watcher)
        return
    tell(line.world, line.call, order.watcher, "answered")
    recorded = _record(line, order)
    follow(Run(line, VERBS, fallback=order.fallback), order.go)
    if beside:
        beside.cut_short()
    close(line, order.watcher, **recorded())


def _detect(line: Line, order: Order, phone: Phone) -> Detection | None:
    """The detection that is still going on, if one is."""
    if order.detector.mode and order.amd_beside:
        return Detection(line.world, line.call, order.detector, phone)
    if order.detector.mode:
        detect(line, order.detector, phone)
    return None


def _record(line: Line, order: Order) -> Callable[[], dict[str, str]]:
    if not order.record:
        return dict
    url, method, events = order.recording_callback
    tape = start_recording(
        line, source="OutboundAPI", channels=order.recording_channels, track=order.recording_track, callback=url,
        method=method, events=events,
    )  # fmt: skip
    return lambda: recording_params(line.world, tape.recording)
