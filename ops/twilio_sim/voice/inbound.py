"""A person calls one of our numbers."""

from dataclasses import dataclass, field

from ops.twilio_sim.resources.call import Call
from ops.twilio_sim.resources.number import Number
from ops.twilio_sim.voice.line import SAYS, Line
from ops.twilio_sim.voice.run import Go, Run
from ops.twilio_sim.voice.status import watcher
from ops.twilio_sim.voice.story import begin, close, follow
from ops.twilio_sim.voice.verbs import VERBS
from ops.twilio_sim.webhooks.mishaps import is_silent
from ops.twilio_sim.world import World


@dataclass(frozen=True)
class Caller:
    """`hangup_after_s` counts from the first ring; None stays until the TwiML is through.

    `finishes_with` ends what the caller says to <Record>: hangup, silence, or a key. `digits` are pressed one
    prompt at a time; with commas each prompt gets what stands before the next one. `stir_verstat` is the
    carrier's verdict on the number, blank when there is none; `params` win over everything. `says` is what
    <Record transcribe> understands, blank for nothing.
    """

    from_: str
    hangup_after_s: float | None = None
    speaks_s: float = 5.0
    says: str = SAYS
    finishes_with: str = "hangup"
    digits: str = ""
    caller_name: str | None = None
    forwarded_from: str | None = None
    stir_verstat: str = "TN-Validation-Passed-A"
    params: dict[str, str] = field(default_factory=dict)


def place_call(world: World, caller: Caller, number: Number) -> Call:
    """Answers at once; the call runs on its own thread."""
    sid = world.sids.of("CA", "inbound", caller.from_, number.phone_number)
    call = world.calls.add(
        Call(
            sid, world.account.sid, caller.from_, number.phone_number, "inbound", "ringing",
            phone_number_sid=number.sid, caller_name=caller.caller_name, forwarded_from=caller.forwarded_from,
            extra_params=_extra(caller), born_s=world.clock.world_s(), is_silent=is_silent(world, sid),
        )
    )  # fmt: skip
    line = Line(world, call)
    line.leaves_at_s, line.digits = caller.hangup_after_s, caller.digits
    line.says = caller.says
    line.speaks_s, line.finishes_with = caller.speaks_s, caller.finishes_with
    begin(line, lambda: _live(line, number))
    return call


def _extra(caller: Caller) -> dict[str, str]:
    known = {"StirVerstat": caller.stir_verstat, "CalledVia": caller.forwarded_from or ""}
    return {name: value for name, value in known.items() if value} | caller.params


def _live(line: Line, number: Number) -> None:
    who = watcher(number.status_callback, number.status_callback_method)
    if not number.voice_url:
        line.call.note("Error", code=0, why="the number has no voice URL")
        close(line, who, "failed")
        return
    run = Run(line, VERBS, fallback=(number.voice_fallback_url, number.voice_fallback_method))
    follow(run, Go(number.voice_url, number.voice_method))
    close(line, who)
