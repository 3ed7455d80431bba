"""What goes wrong at Twilio while calls go on, by chance: callbacks out of order, twice and late; answers that are lost."""

from typing import Any, Final

from ops.faultlab import twilio
from ops.faultlab.calls.lives import SPEED

LATE_S: Final = 8.0  # of the world's
SETTINGS: Final[dict[str, Any]] = {
    "speed": SPEED,
    # None is lost on the way: nothing fetches a call's state yet, so nothing could be promised.
    "duplicate_rate": 0.1, "swap_rate": 0.1, "late_rate": 0.1, "late_s": LATE_S,
    # The end of a recording that needs no media behind it.
    "absent_rate": 1.0,
    "list_lag_s": 4.0, "takes_s": 0.05,
}  # fmt: skip
ODDS: Final[dict[str, dict[str, Any]]] = {
    "place": {"lost_after": 0.15, "lost_before": 0.05, "error_after": 0.05, "error_before": 0.05, "broken_json": 0.03,
              "throttled": 0.03},
    "call": {"lost_after": 0.1, "lost_before": 0.05, "error_before": 0.1},
}  # fmt: skip


def begin(simulator_url: str, seed: int, *, with_slow: bool) -> None:
    """From now on. A request to place a call that never arrived is doubtful to us for a minute: it is slow."""
    odds = ODDS if with_slow else {**ODDS, "place": {**ODDS["place"], "lost_before": 0}}
    twilio.bend(simulator_url, seed, SETTINGS, odds)
