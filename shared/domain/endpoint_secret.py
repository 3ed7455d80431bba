"""A secret that notifications are signed with: `whsec_` and base64 (Standard Webhooks)."""

import re
from base64 import b64decode, b64encode
from typing import Final

_LEAST, _MOST = 24, 64  # bytes, as Standard Webhooks asks
_SHAPE: Final = re.compile(r"whsec_([A-Za-z0-9+/]+={0,2})")


def of(key: bytes) -> str:
    """The secret of this key."""
    return "whsec_" + b64encode(key).decode()


def checked_secret(secret: str) -> None:
    """Raises ValueError, in words that never repeat it."""
    found = _SHAPE.fullmatch(secret)
    try:
        key = b64decode(found[1], validate=True) if found else b""
    except ValueError:
        key = b""
    if not _LEAST <= len(key) <= _MOST:
        raise ValueError(f"must be whsec_ and the base64 of {_LEAST} to {_MOST} bytes")
