"""The platform's user tokens: JWT signed with HS256, read and judged, never issued here (RFC 7519, RFC 8725)."""

import binascii
import hashlib
import hmac
import json
import math
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Any, Final

# Clocks of two hosts differ; half a minute is more than NTP leaves.
LEEWAY_S: Final = 30
# Real ones have some 300 characters. A header is not a place to make us parse documents.
_LONGEST: Final = 4096
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")


@dataclass(frozen=True, slots=True)
class User:
    """Whom the token speaks for. Only `tenant_id` decides what may be seen."""

    user_id: str
    tenant_id: str
    role: str


def user_of(token: str, secret: str, now: float) -> User | None:
    """The user of a token that `secret` signed and that is valid at `now` (unix seconds); else None.

    The algorithm is ours to choose, not the token's: anything but HS256 is refused, "none" included. `exp`, `nbf` and
    `iat` count when they are there; the platform's tokens are not obliged to carry them.
    """
    if not secret or len(token) > _LONGEST or not _SHAPE.match(token):
        return None
    signed, _, signature = token.rpartition(".")
    expected = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(_bytes(signature) or b"", expected):
        return None
    head, _, payload = signed.partition(".")
    header, claims = _object(head), _object(payload)
    if header.get("alg") != "HS256" or "crit" in header or not _is_in_time(claims, now):
        return None
    return _user(claims)


def _is_in_time(claims: dict[str, Any], now: float) -> bool:
    expires, starts, issued = claims.get("exp", math.inf), claims.get("nbf", 0), claims.get("iat", 0)
    if not all(type(moment) in (int, float) for moment in (expires, starts, issued)):
        return False
    # Written so that NaN, which is neither less nor more, is refused.
    return now < expires + LEEWAY_S and starts <= now + LEEWAY_S and issued <= now + LEEWAY_S


def _user(claims: dict[str, Any]) -> User | None:
    user_id, tenant_id, role = claims.get("user_id"), claims.get("tenant_id"), claims.get("role", "")
    if not (isinstance(user_id, str) and isinstance(tenant_id, str) and isinstance(role, str)):
        return None
    return User(user_id, tenant_id, role) if user_id and tenant_id else None


def _object(part: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(part) or b"null")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _bytes(part: str) -> bytes | None:
    """Unpadded base64url, in its one spelling: other trailing bits would be a second text for the same token."""
    try:
        raw = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return None
    return raw if binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_URLSAFE) == part.encode() else None


_URLSAFE = bytes.maketrans(b"+/", b"-_")
