"""The body of a notification as a subscriber of the standard kind gets it: the same at every attempt (Standard Webhooks)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def document(type_: str, created_at: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    """Type, when it happened, data."""
    return {"type": type_, "timestamp": created_at.isoformat(), "data": data}
