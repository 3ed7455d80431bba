"""What goes wrong at Twilio while recordings are made, by chance: callbacks, requests, and every trouble of its media."""

from typing import Any, Final

import requests

from ops.faultlab import twilio

LATE_S: Final = 3.0
SETTINGS: Final[dict[str, Any]] = {
    "recording_ready_s": 0.3, "media_late_s": 0.5, "takes_s": 0.02,
    # Callbacks: missing ones (what is known of them then is Twilio's list alone), double ones, late ones.
    "drop_rate": 0.05, "silent_rate": 0.05, "duplicate_rate": 0.1, "late_rate": 0.1, "late_s": LATE_S,
}  # fmt: skip
ODDS: Final[dict[str, dict[str, Any]]] = {
    "other": {"lost_after": 0.05, "lost_before": 0.02, "error_after": 0.02, "error_before": 0.02, "html": 0.3},
}  # fmt: skip
# A third of the requests for sound do not get it.
MEDIA: Final[dict[str, Any]] = {
    "odds": {"late": 0.06, "error": 0.04, "hang": 0.02, "short": 0.06, "cut": 0.04, "page": 0.04, "other": 0.04,
             "elsewhere": 0.2},
    "hang_s": 2,
}  # fmt: skip
CALM: Final[dict[str, Any]] = {"recording_ready_s": 0.3}


def begin(simulator_url: str, seed: int, *, is_calm: bool) -> None:
    """From now on."""
    twilio.bend(simulator_url, seed, CALM if is_calm else SETTINGS, {} if is_calm else ODDS)
    _media(simulator_url, {} if is_calm else MEDIA)


def end(simulator_url: str) -> None:
    """Twilio is well again."""
    twilio.heal(simulator_url)
    _media(simulator_url, {})


def _media(simulator_url: str, trouble: dict[str, Any]) -> None:
    requests.put(f"{simulator_url}/sim/media/trouble", json=trouble, timeout=twilio.WITHIN_S).raise_for_status()
