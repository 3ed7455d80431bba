"""What would become of a call, for whoever sets a number: nothing is kept and nobody is rung."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.dial import ring_s
from shared.domain.routing import Caller, Number, Route, Target, route, steps


@dataclass(frozen=True, slots=True)
class Rung:
    """A phone, and for how long it is rung."""

    to: str
    ring_s: int


@dataclass(frozen=True, slots=True)
class CallPreview:
    """The route and why, and whom it rings: one group after the other, those of a group at once. Of a menu: by its key."""

    route: Route
    rings: list[list[Rung]]


def preview(number: Number, caller: Caller, now: datetime) -> CallPreview:
    """What `number` would do with a call from `caller` at `now` (aware)."""
    found = route(number, caller, now)
    groups = _groups(found, caller)
    return CallPreview(found, [[Rung(each.to, ring_s(number, group)) for each in group] for group in groups])


def _groups(found: Route, caller: Caller) -> list[tuple[Target, ...]]:
    rules = found.number.routing
    if found.kind == "menu" and rules.emergency:
        return [(Target(rules.emergency.to),)]
    return steps(rules, caller.number, caller.forwarded_from) if found.kind == "forward" else []
