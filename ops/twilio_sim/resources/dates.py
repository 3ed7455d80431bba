"""Dates as Twilio writes them: RFC 2822, UTC, whole seconds."""

from datetime import datetime
from email.utils import format_datetime


def rfc2822(moment: datetime | None) -> str | None:
    """`Thu, 24 Aug 2023 05:01:45 +0000`; None stays None."""
    return None if moment is None else format_datetime(moment)
