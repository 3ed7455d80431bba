"""Retry-After, in either form (RFC 9110, 10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def seconds_of(retry_after: str, now: datetime, *, longest_s: float) -> float | None:
    """Seconds from `now` (aware) that the header asks us to wait, at most `longest_s`; None if it says nothing readable."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(longest_s, float(text[:12]))  # a number of any length is at most the longest wait
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    wait_s = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    return min(longest_s, max(0.0, wait_s.total_seconds()))
