"""A request by HTTP, and a sentence for a person when it fails."""

import sys
from typing import Any

import requests

_PATIENCE_S = 10.0  # everything here is on this machine or one hop away


def ask(method: str, url: str, **more: Any) -> requests.Response:
    """The answer. Ends the program when there is none, or a refusal."""
    try:
        answer = requests.request(method, url, timeout=_PATIENCE_S, **more)
    except requests.RequestException:  # refused, or silent for as long as we wait
        sys.exit(f"nothing answers at {url.split('/', 3)[2]}: is the stack running (./ops/up)?")
    if not answer.ok:
        sys.exit(f"{answer.status_code}: {answer.text}")
    return answer
