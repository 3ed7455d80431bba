"""Connection overrides: what a URL's fragment says about timeouts and retries."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urldefrag

RETRYABLE = frozenset({"4xx", "5xx", "ct", "rt"})


@dataclass(frozen=True)
class Overrides:
    """Seconds are real ones; `retried` holds the classes of failure that are tried again."""

    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 15.0
    retries: int = 1
    retried: frozenset[str] = frozenset({"ct"})


def overrides_of(url: str) -> Overrides:
    """Values out of Twilio's ranges are as if not given, an unknown retry class (error 11243) too."""
    wishes = dict(parse_qsl(urldefrag(url).fragment))
    return Overrides(
        connect_s=_number(wishes.get("ct"), 100, 10_000, 5_000) / 1000,
        read_s=_number(wishes.get("rt"), 100, 15_000, 15_000) / 1000,
        total_s=_number(wishes.get("tt"), 100, 15_000, 15_000) / 1000,
        retries=_number(wishes.get("rc"), 0, 5, 1),
        retried=_classes(wishes.get("rp")),
    )


def _number(value: str | None, low: int, high: int, default: int) -> int:
    if value is None or not re.fullmatch(r"[0-9]{1,6}", value):
        return default
    return int(value) if low <= int(value) <= high else default


def _classes(value: str | None) -> frozenset[str]:
    classes = frozenset((value or "ct").split(","))
    if "all" in classes:
        return RETRYABLE
    return classes if classes <= RETRYABLE else frozenset({"ct"})
