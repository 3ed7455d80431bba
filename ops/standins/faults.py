"""Knows which troubles were ordered for which service, and hands each of them out as often or as long as ordered."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

# Longer than the service's own patience for a sibling (15 s), short enough not to hold a thread for ever.
LONGEST_DELAY_S = 60.0
LONGEST_FOR_S = 3600.0
# `status` of an order that is only late, and of one that says no in the platform's other way.
ONLY_LATE, SUCCESS_FALSE = 0, 200

BODIES = ("junk", "huge", "drip")


@dataclass
class Fault:
    """One trouble: an answer with `status` in place of the real one, `delay_s` late.

    `status` 0 only comes late, 200 says `success: false`. `body` is what the engine says with it: junk, huge or drip.
    `is_cut` closes the connection instead of an answer, as a service that is down does. `when` after means: do the work,
    then lose the answer. It happens `times` times (None: every time) within `for_s` seconds (None: for ever), to requests
    whose path ends with `path` and whose path or body has `about` in it: a SID, a phone number.
    """

    status: int = 503
    times: int | None = 1
    delay_s: float = 0.0
    when: str = "before"
    headers: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False
    for_s: float | None = None
    path: str = ""
    about: str = ""
    body: str = ""
    began_s: float = field(default_factory=monotonic, init=False)

    def concerns(self, path: str, body: str, now_s: float) -> bool:
        """Whether this request meets it; `now_s` on the monotonic clock."""
        is_over = self.times == 0 or (self.for_s is not None and now_s - self.began_s >= self.for_s)
        return not is_over and path.endswith(self.path) and (self.about in path or self.about in body)


def faults_from(order: object) -> list[Fault]:
    """Read the orders for one service: an object, or a list of them. Raises ValueError, so that no test waits in vain."""
    return [_fault_from(one) for one in (order if isinstance(order, list) else [order])]


def _fault_from(order: object) -> Fault:
    known = set(Fault.__dataclass_fields__) - {"began_s"}
    if not isinstance(order, dict) or not set(order) <= known:
        raise ValueError(f"an object of {', '.join(sorted(known))}")
    fault = Fault(**order)
    statuses = {ONLY_LATE, SUCCESS_FALSE, *range(300, 600)}
    for name, fits in (
        ("status is 0, 200 or 300..599", isinstance(fault.status, int) and fault.status in statuses),
        ("times is a count or null", fault.times is None or (isinstance(fault.times, int) and fault.times >= 0)),
        (f"delay_s is 0..{LONGEST_DELAY_S:g}", _is_within(fault.delay_s, LONGEST_DELAY_S)),
        (f"for_s is 0..{LONGEST_FOR_S:g} or null", fault.for_s is None or _is_within(fault.for_s, LONGEST_FOR_S)),
        ("when is before or after", fault.when in ("before", "after")),
        ("headers is an object", isinstance(fault.headers, dict)),
        ("is_cut is true or false", isinstance(fault.is_cut, bool)),
        (f"body is one of {', '.join(BODIES)}, or empty", fault.body in ("", *BODIES)),
        ("path and about are texts", isinstance(fault.path, str) and isinstance(fault.about, str)),
    ):
        if not fits:
            raise ValueError(name)
    return fault


def _is_within(value: object, most: float) -> bool:
    return isinstance(value, int | float) and 0 <= value <= most


@dataclass
class Faults:
    """Orders by service: `as-call`, `pns`, `engine`, or a subscriber's name. Has its own lock: it is asked before any work."""

    ordered: dict[str, list[Fault]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def order(self, service: str, faults: Iterable[Fault]) -> None:
        """These and no others from now on."""
        with self.lock:
            self.ordered[service] = [*faults]

    def next_for(self, service: str, path: str, body: str) -> Fault | None:
        """The first that concerns this request, one time less of it."""
        with self.lock:
            found = (fault for fault in self.ordered.get(service, []) if fault.concerns(path, body, monotonic()))
            fault = next(found, None)
            if fault is not None and fault.times is not None:
                fault.times -= 1
            return fault

    def clear(self) -> None:
        with self.lock:
            self.ordered.clear()
