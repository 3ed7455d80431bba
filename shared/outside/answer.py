"""What is kept of a receiver's answer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from shared.domain.retry_after import seconds_of

EXCERPT: Final = 1000  # characters: enough for a person to see what the receiver meant
# The longest pause of the delivery schedule: a receiver that asks for more is asked again all the same.
_LONGEST_WAIT_S: Final = 86_400.0
_ABORT: Final = "abort-message"  # of the header `webhook-delivery` (Svix): this message is not wanted, ever


@dataclass(frozen=True, slots=True)
class Answer:
    """A subscriber's answer: any status, and the JSON object in its body if there was one.

    `excerpt`: the body's first 1,000 characters for a person, safe to store and to print. `aborted`: it does not want this
    message again, whatever the status.
    """

    status: int
    json: dict[str, Any]
    retry_after_s: float | None = None
    excerpt: str = ""
    aborted: bool = False

    @property
    def ok(self) -> bool:
        """2xx only: a redirect is a failure (Standard Webhooks)."""
        return 200 <= self.status < 300


def read(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """`headers`: names in small letters."""
    return Answer(
        status,
        _object(body),
        seconds_of(headers.get("retry-after", ""), datetime.now(UTC), longest_s=_LONGEST_WAIT_S),
        excerpt(body),
        headers.get("webhook-delivery", "").strip().lower() == _ABORT,
    )


def excerpt(body: bytes) -> str:
    """The start of a body as text. What a terminal or a text column would stumble over becomes U+FFFD."""
    text = body[: 4 * EXCERPT].decode("utf-8", "replace")[:EXCERPT]
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):  # the latter: thousands of brackets
        return {}
    return parsed if isinstance(parsed, dict) else {}
