"""A call that is going on: how far its time is, and who wants it to end."""

import threading
from typing import TYPE_CHECKING

from ops.twilio_sim.resources.call import Call

if TYPE_CHECKING:
    from ops.twilio_sim.voice.recorder import Tape
    from ops.twilio_sim.world import World

SAYS = "Hello, please call me back. Thank you."
LONGEST_CALL_S = 4 * 3600.0  # Twilio's default time limit of a call


class LineEnded(Exception):
    """Nothing more can be said on this line."""

    def __init__(self, line: "Line") -> None:
        super().__init__(line.call.sid)
        self.line = line


class HungUp(LineEnded):
    """The person left, or the REST API ended the call."""


class Redirected(LineEnded):
    """The REST API gave the call other TwiML."""


class Abandoned(LineEnded):
    """The world was emptied: stop at once and tell nobody."""


class Line:
    """One thread speaks on a line; others may only ask it to end or to turn.

    `at_s` is the line's own clock in world seconds: it counts what the story waited for and nothing
    that webhooks took, so the same story has the same durations at every speed. A dialled leg's line
    has a `boss`, the caller's line, and lives in its time until the REST API turns it to TwiML of its own.
    """

    def __init__(self, world: "World", call: Call, *, boss: "Line | None" = None) -> None:
        self.world, self.call, self.boss = world, call, boss
        self.at_s = 0.0
        self._waits_since: float | None = None
        self._time = threading.Lock()
        self._bell = threading.Event()
        self.answered_at_s: float | None = None
        self.leaves_at_s: float | None = None
        self.digits = ""
        self.speaks_s = 5.0
        self.says = SAYS
        self.finishes_with = "hangup"
        self.tapes: list[Tape] = []
        self.legs: list[Line] = []
        self.over = threading.Event()
        self._ended_as = ""
        self._abandoned = False
        self._turn: tuple[str, str, str] | None = None
        world.lines[call.sid] = self

    # What others may do.

    def ask_to_end(self, status: str) -> None:
        """`status` is completed or canceled; the state is final at once, the thread follows."""
        self._ended_as = self._ended_as or status
        self._ring()

    def ask_to_turn(self, url: str, method: str, twiml: str) -> None:
        self._turn = (url, method, twiml)
        self._ring()

    def abandon(self) -> None:
        self._abandoned = True
        self._ring()

    @property
    def now_s(self) -> float:
        """`at_s` and what has passed of a wait that is going on, for those who ask from outside."""
        with self._time:
            since = self._waits_since
            return self.at_s if since is None else self.at_s + max(0.0, self._outer_s() - since)

    # What its own thread does.

    def answer(self) -> None:
        if self.answered_at_s is None:
            self.answered_at_s = self.at_s
            self.call.move("in-progress")

    def wait(self, seconds: float) -> float:
        """Lets time pass; answers how much did, less than asked only if a leg was asked to end or to turn.

        Raises HungUp, Redirected or Abandoned.
        """
        self.check()
        leaves_at = min(self.leaves_at_s if self.leaves_at_s is not None else LONGEST_CALL_S, LONGEST_CALL_S)
        allowed = min(seconds, max(0.0, leaves_at - self.at_s))
        self._waits_since = self._outer_s()
        passed = self._wait_with_boss(allowed) if self.boss else self._wait(allowed)
        self.check()
        if allowed < seconds and passed >= allowed:
            self.leave()
        return passed

    def check(self) -> None:
        if self._abandoned or (self.boss and self.boss._abandoned):
            raise Abandoned(self)
        if self._ended_as:
            raise HungUp(self)
        if self._turn:
            raise Redirected(self)

    def stand_alone(self) -> None:
        """A dialled leg goes on without its caller: from now on its time is its own."""
        if self.boss and self in self.boss.legs:
            self.boss.legs.remove(self)
        self.boss, self.leaves_at_s = None, None

    def take_turn(self) -> tuple[str, str, str] | None:
        turn, self._turn = self._turn, None
        return turn

    def leave(self) -> None:
        """The person puts the phone down."""
        self._ended_as = self._ended_as or "completed"
        self.check()

    def close_call(self, status: str) -> None:
        """The state of the call becomes final, with the seconds since it was answered."""
        self.call.duration_s = round(self.talked_s)
        self.call.move(status)

    @property
    def is_asked_to_end(self) -> bool:
        return bool(self._ended_as)

    @property
    def is_called_away(self) -> bool:
        return self._abandoned or bool(self._ended_as) or self._turn is not None

    @property
    def final_status(self) -> str:
        """What the call is when its story is over: a caller who was never answered counts as no-answer."""
        if self.answered_at_s is not None:
            return "completed"
        return "canceled" if self._ended_as == "canceled" else "no-answer"

    @property
    def talked_s(self) -> float:
        return 0.0 if self.answered_at_s is None else self.at_s - self.answered_at_s

    def press(self, most: int, finish_on: str) -> tuple[str, str]:
        """Keys pressed now, as (digits, the finishing key or nothing).

        Without commas what is left of `digits` waits for the next prompt; with commas each prompt gets what
        stands before the next one, and after the last one only silence.
        """
        if "," not in self.digits:
            pressed, key, self.digits = _typed(self.digits, most, finish_on)
            return pressed, key
        answer, _, rest = self.digits.partition(",")
        self.digits = rest if not rest or "," in rest else rest + ","
        return _typed(answer, most, finish_on)[:2]

    def _wait(self, seconds: float) -> float:
        passed = self.world.clock.wait(seconds, self._is_wanted, self._bell)
        self._pass(passed)
        return passed

    def _wait_with_boss(self, seconds: float) -> float:
        assert self.boss is not None
        began = self.boss.at_s
        try:
            self.boss.wait(seconds)
        finally:
            passed = self.boss.at_s - began
            self._pass(passed)
        return passed

    def _pass(self, seconds: float) -> None:
        with self._time:
            self.at_s, self._waits_since = self.at_s + seconds, None

    def _outer_s(self) -> float:
        return self.boss.now_s if self.boss else self.world.clock.world_s()

    def _is_wanted(self) -> bool:
        return self.is_called_away or any(leg.is_called_away for leg in self.legs)

    def _ring(self) -> None:
        """Wakes the thread that speaks on this line."""
        (self.boss or self)._bell.set()


def _typed(keys: str, most: int, finish_on: str) -> tuple[str, str, str]:
    """(digits, the finishing key or nothing, what is left)."""
    pressed = ""
    while keys and len(pressed) < most:
        key, keys = keys[0], keys[1:]
        if key in finish_on:
            return pressed, key, keys
        pressed += key
    return pressed, "", keys
