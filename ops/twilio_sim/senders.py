"""What kinds of senders there are, how fast each may send, and the queue in front of each."""

import re
import threading

from ops.twilio_sim.clock import Clock

# Segments a second by kind: Twilio's defaults per sender.
RATES = {"long-code": 1.0, "toll-free": 3.0, "short-code": 100.0, "alphanumeric": 10.0, "international": 10.0}
SLOWEST, FASTEST = 0.01, 10_000.0
# A sender's queue holds ten hours of its rate; it is also the longest validity of a message.
LONGEST_S = 36_000.0

_TOLL_FREE = re.compile(r"\+18(00|33|44|55|66|77|88)[0-9]{7}")
_LONG_CODE = re.compile(r"\+1[0-9]{10}")
_SHORT_CODE = re.compile(r"[0-9]{5,6}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +\-_&]{1,11}")


def kind_of(sender: str) -> str:
    """One of RATES, or blank for what no text can come from."""
    if sender.startswith("+"):
        if _TOLL_FREE.fullmatch(sender):
            return "toll-free"
        return "long-code" if _LONG_CODE.fullmatch(sender) else "international"
    if _SHORT_CODE.fullmatch(sender):
        return "short-code"
    return "alphanumeric" if _ALPHANUMERIC.fullmatch(sender) else ""


class Queues:
    """When each sender has sent everything it was given, in world seconds. A changed rate is for what comes later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._free_s: dict[str, float] = {}

    def wait_s(self, sender: str) -> float:
        """How long a new message would wait for its turn."""
        return max(0.0, self._free_s.get(sender, 0.0) - self._clock.world_s())

    def is_full(self, sender: str) -> bool:
        return self.wait_s(sender) >= LONGEST_S

    def take(self, sender: str, cost_s: float, until_s: float) -> float | None:
        """The world second of a message's turn, or None when that comes only after `until_s`: then it takes none.

        `cost_s` is how long the sender is busy with it: its segments by the sender's rate.
        """
        with self._lock:
            turn_s = max(self._clock.world_s(), self._free_s.get(sender, 0.0))
            if turn_s > until_s:
                return None
            self._free_s[sender] = turn_s + cost_s
        return turn_s

    def fill(self, sender: str, wait_s: float) -> None:
        """As if so much were waiting already."""
        with self._lock:
            self._free_s[sender] = self._clock.world_s() + wait_s

    def clear(self) -> None:
        with self._lock:
            self._free_s.clear()
