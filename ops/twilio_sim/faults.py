"""How the REST API misbehaves for the next requests: status, delay, or the line going dead."""

import threading
from dataclasses import dataclass, fields, replace
from typing import Any

WHENS = ("before", "after")


@dataclass(frozen=True)
class Fault:
    """Hits the next `times` requests whose method and path fit.

    `when` says whether the request has been carried out: "after" is the case a client cannot tell from
    "before". `status` 0 leaves the answer alone, `delay_s` are real seconds, `reset` cuts the connection.
    """

    times: int = 1
    status: int = 0
    delay_s: float = 0.0
    reset: bool = False
    when: str = "before"
    method: str = ""
    path: str = ""
    retry_after_s: int | None = None

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
    known = {f.name for f in fields(Fault)}
    if unknown := set(wishes) - known:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r}")
    fault = Fault(**wishes)
    if fault.when not in WHENS:
        raise ValueError("when must be before or after")
    if fault.status and not 400 <= fault.status <= 599:
        raise ValueError("status must be 0 or 400 to 599")
    if not 0 <= fault.delay_s <= 60:
        raise ValueError("delay_s must be 0 to 60")
    return fault
