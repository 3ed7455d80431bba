"""How often the REST API misbehaves: rates for each class of request, drawn by the world's dice."""

from dataclasses import asdict, dataclass
from typing import Any

from ops.twilio_sim.dice import Dice
from ops.twilio_sim.faults import Fault
from ops.twilio_sim.kinds import checked, within

CLASSES = ("create", "list", "fetch", "change", "place", "call", "other")


@dataclass(frozen=True)
class Rates:
    """Rates from 0 to 1, at most one of which befalls a request; seconds are real ones.

    `lost_before` cuts the connection before anything was done, `lost_after` when it was done. `late_answer`
    does the work at once and answers after `late_s`; `late_work` does it only then, so that the message is
    in no list while its client has long given up. `throttled` is 429 with 20429 (with Retry-After unless
    `retry_after_s` is 0), `error_before` and `error_after` answer `error_status`, `html` of them with a
    proxy's page, and `broken_json` cuts a successful answer in half.
    """

    lost_before: float = 0.0
    lost_after: float = 0.0
    late_work: float = 0.0
    late_answer: float = 0.0
    throttled: float = 0.0
    error_before: float = 0.0
    error_after: float = 0.0
    broken_json: float = 0.0
    html: float = 0.0
    late_s: float = 15.0
    retry_after_s: int = 0
    error_status: int = 503

    def drawn(self, number: float, *, html: bool) -> Fault | None:
        """What befalls the request that drew `number` (0 to 1)."""
        for name in FAULTS:
            number -= getattr(self, name)
            if number < 0:
                return self._fault(name, "html" if html else "")
        return None

    def throttle(self) -> Fault:
        return Fault(status=429, retry_after_s=self.retry_after_s or None)

    def _fault(self, name: str, body: str) -> Fault:
        when = "after" if name in ("lost_after", "late_answer", "error_after", "broken_json") else "before"
        if name == "throttled":
            return self.throttle()
        if name.startswith("lost"):
            return Fault(reset=True, when=when)
        if name.startswith("late"):
            return Fault(delay_s=self.late_s, when=when)
        if name == "broken_json":
            return Fault(body="broken", when=when)
        return Fault(status=self.error_status, when=when, body=body)


FAULTS = (
    "lost_before", "lost_after", "late_work", "late_answer", "throttled", "error_before", "error_after", "broken_json",
)  # fmt: skip
QUIET = Rates()


class Odds:
    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._rates: dict[str, Rates] = {}

    def replace(self, wishes: dict[str, Any]) -> None:
        """The rates of each class named; the others are 0, but that `place` is as `call` then.

        Raises ValueError for a key or value that is none.
        """
        for name, rates in wishes.items():
            if name not in CLASSES or not isinstance(rates, dict):
                raise ValueError(f"an object of rates for each of {', '.join(CLASSES)}, not {name!r}")
        self._rates = {name: _rates(rates) for name, rates in wishes.items()}

    def of(self, kind: str) -> Rates:
        if kind == "place" and kind not in self._rates:
            kind = "call"
        return self._rates.get(kind, QUIET)

    def draw(self, kind: str, *about: object) -> Fault | None:
        """`about` names the request by what it asks for, so that its fate does not hang on threads."""
        rates = self.of(kind)
        if rates is QUIET:
            return None
        html = self._dice.chance(rates.html, "html", kind, *about)
        return rates.drawn(self._dice.roll("fault", kind, *about), html=html)

    def as_json(self) -> dict[str, Any]:
        return {name: asdict(rates) for name, rates in self._rates.items()}

    def clear(self) -> None:
        self._rates = {}


def kind_of(method: str, path: str) -> str:
    """The class of a request by its method and path."""
    if path.endswith("/Messages.json"):
        return "create" if method == "POST" else "list"
    if "/Messages/" in path:
        return "fetch" if method == "GET" else "change"
    if path.endswith("/Calls.json") and method == "POST":
        return "place"
    return "call" if "/Calls" in path else "other"


def _rates(wishes: dict[str, Any]) -> Rates:
    rates = Rates(**checked(Rates, wishes))
    for name in (*FAULTS, "html"):
        within(name, getattr(rates, name), 0, 1)
    within("the sum of all faults", sum(getattr(rates, name) for name in FAULTS), 0, 1)
    within("late_s", rates.late_s, 0, 600)
    within("retry_after_s", rates.retry_after_s, 0, 3600)
    within("error_status", rates.error_status, 500, 599)
    return rates
