"""One way in which a request goes wrong, and the list of those that the next requests meet for certain."""

import threading
from dataclasses import dataclass, replace
from typing import Any

from ops.twilio_sim.kinds import checked, within

WHENS = ("before", "after")
BODIES = ("", "html", "empty", "broken")


@dataclass(frozen=True)
class Fault:
    """Hits the next `times` requests whose method and path fit.

    `when` says whether the request has been carried out: "after" is the case a client cannot tell from
    "before". `status` 0 leaves the answer alone, `delay_s` are real seconds, `reset` cuts the connection.
    `body` "html" and "empty" are what proxies answer in place of JSON, "broken" is the first half of it.
    """

    times: int = 1
    status: int = 0
    delay_s: float = 0.0
    reset: bool = False
    when: str = "before"
    method: str = ""
    path: str = ""
    retry_after_s: int | None = None
    body: str = ""

    def fits(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in ("", method) and self.path in path


class Faults:
    """The first that fits is taken; one request takes one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def replace(self, wishes: list[dict[str, Any]]) -> None:
        """Raises ValueError for a key or value that is none."""
        faults = [_fault(w) for w in wishes]
        with self._lock:
            self._waiting = faults

    def take(self, method: str, path: str) -> Fault | None:
        if not self._waiting:
            return None  # the usual case needs no lock
        with self._lock:
            for place, fault in enumerate(self._waiting):
                if fault.fits(method, path):
                    self._waiting[place] = replace(fault, times=fault.times - 1)
                    return fault
        return None

    def waiting(self) -> list[Fault]:
        with self._lock:
            return [f for f in self._waiting if f.times > 0]

    def clear(self) -> None:
        self.replace([])


def _fault(wishes: dict[str, Any]) -> Fault:
    fault = Fault(**checked(Fault, wishes))
    if fault.when not in WHENS:
        raise ValueError("when must be before or after")
    if fault.body not in BODIES:
        raise ValueError("body must be html, empty or broken")
    if fault.status:
        within("status", fault.status, 400, 599)
    within("delay_s", fault.delay_s, 0, 60)
    return fault
