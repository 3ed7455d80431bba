"""Knows which troubles were ordered for which service, and hands each of them out the ordered number of times."""

from dataclasses import dataclass, field
from threading import Lock

# Longer than the service's own patience for a sibling (15 s), short enough not to hold a thread for ever.
LONGEST_DELAY_S = 60.0


@dataclass
class Fault:
    """`status` 0 means: only be late. `when` after means: do the work, then lose the answer."""

    status: int = 503
    times: int = 1
    delay_s: float = 0.0
    when: str = "before"
    headers: dict[str, str] = field(default_factory=dict)


def fault_from(order: object) -> Fault:
    """Read one order of the control API. Raises ValueError when it makes no sense, so that no test waits in vain."""
    known = set(Fault.__dataclass_fields__)
    if not isinstance(order, dict) or not set(order) <= known:
        raise ValueError(f"an object of {', '.join(sorted(known))}")
    fault = Fault(**order)
    if not (isinstance(fault.status, int) and (fault.status == 0 or 300 <= fault.status <= 599)):
        raise ValueError("status is 0 or 300..599")
    if not (isinstance(fault.times, int) and fault.times >= 0):
        raise ValueError("times is a count")
    if not (isinstance(fault.delay_s, int | float) and 0 <= fault.delay_s <= LONGEST_DELAY_S):
        raise ValueError(f"delay_s is 0..{LONGEST_DELAY_S:g}")
    if fault.when not in ("before", "after") or not isinstance(fault.headers, dict):
        raise ValueError("when is before or after, headers is an object")
    return fault


@dataclass
class Faults:
    """Orders by service: `as-call`, `pns`, or a subscriber's name. Has its own lock: it is asked before any work."""

    ordered: dict[str, Fault] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def order(self, service: str, fault: Fault) -> None:
        with self.lock:
            self.ordered[service] = fault

    def next_for(self, service: str) -> Fault | None:
        with self.lock:
            fault = self.ordered.get(service)
            if fault is None or fault.times == 0:
                return None
            fault.times -= 1
            return fault

    def clear(self) -> None:
        with self.lock:
            self.ordered.clear()
