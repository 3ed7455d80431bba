"""The simulated Twilio of a run: made worse, and well again; and what it says of itself."""

import json
from collections.abc import Mapping
from typing import Any

import requests

WITHIN_S = 60.0  # it answers at once but for whole lists, on a machine that has other things to do


def bend(simulator_url: str, seed: int, settings: Mapping[str, Any], odds: Mapping[str, Any]) -> None:
    """From now on these settings, and faults of the REST API by these odds."""
    requests.post(f"{simulator_url}/sim/settings", json=dict(settings), timeout=WITHIN_S).raise_for_status()
    requests.put(f"{simulator_url}/sim/odds", json={**odds, "seed": seed}, timeout=WITHIN_S).raise_for_status()


def heal(simulator_url: str) -> None:
    """Its REST API is well again; what it has lost stays lost."""
    requests.put(f"{simulator_url}/sim/odds", json={}, timeout=WITHIN_S).raise_for_status()


def shown(simulator_url: str, path: str) -> Any:
    """A document of its control API."""
    return _asked(f"{simulator_url}/sim/{path}").json()


def ledger(simulator_url: str, path: str = "ledger") -> list[dict[str, Any]]:
    """Every request to create something, and what came of it."""
    return [json.loads(line) for line in _asked(f"{simulator_url}/sim/{path}").text.splitlines()]


def _asked(url: str) -> requests.Response:
    answer = requests.get(url, timeout=WITHIN_S)
    answer.raise_for_status()
    return answer
