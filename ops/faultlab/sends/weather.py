"""What goes wrong at Twilio and on the way to it, by chance."""

from typing import Any, Final

import requests

LOST: Final = 0.05  # of the answers, after the message was taken

# Of the creates: those that take no message may be repeated at once, those that take one never.
_BEFORE: Final[tuple[dict[str, Any], ...]] = ({"status": 503}, {"status": 429}, {"reset": True}, {"status": 500})
_AFTER: Final[tuple[dict[str, Any], ...]] = ({"reset": True}, {"status": 500}, {"status": 503}, {"reset": True})
_CREATES: Final = {"method": "POST", "path": "/Messages.json"}


def begin(simulator_url: str) -> None:
    """Callbacks go missing and come twice from now on."""
    wish = {"speed": 1.0, "drop_rate": 0.05, "duplicate_rate": 0.05}
    requests.post(f"{simulator_url}/sim/settings", json=wish, timeout=5).raise_for_status()


def next_fault(simulator_url: str, place: int) -> None:
    """One create is answered badly, or not at all."""
    fault = [*_BEFORE, *_AFTER][place % 8] | {"when": "before" if place % 8 < 4 else "after"}
    requests.put(f"{simulator_url}/sim/faults", json={"data": [_CREATES | fault]}, timeout=5)
