"""What an API key looks like: `tsk_<env>_<id>_<secret><checksum>`, made so that a leaked one is found by its shape.

The checksum lets secret scanners and this service tell a real key from noise without a look-up (GitHub's token format,
2021). The secret has 30 base62 characters (178 bits), so its SHA-256 may be stored without a slow hash.
"""

import hashlib
import re
import string
import zlib
from dataclasses import dataclass
from typing import Final

SCOPES: Final = frozenset({
    "sms:send", "sms:read", "calls:control", "calls:read", "recordings:read", "recordings:delete", "consent:write",
    "consent:read", "endpoints:read", "endpoints:write", "events:read", "events:replay", "privacy:erase", "admin",
})  # fmt: skip
BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SHAPE = re.compile(r"tsk_([a-z]{1,12})_([0-9A-Za-z]{8})_([0-9A-Za-z]{30})([0-9A-Za-z]{6})\Z")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as presented by a client. `key_id` is public, the rest is not."""

    text: str
    key_id: str

    def digest(self) -> bytes:
        """What is stored instead of the key."""
        return hashlib.sha256(self.text.encode()).digest()


def assemble(env: str, key_id: str, secret: str) -> ApiKey:
    """The key of these parts (8 and 30 base62 characters, random, given by the caller)."""
    head = f"tsk_{env}_{key_id}_{secret}"
    return ApiKey(head + _checksum(head), key_id)


def read(text: str) -> ApiKey | None:
    """The key in `text`, or None if it has not the shape or the checksum is wrong."""
    found = _SHAPE.match(text)
    if not found or _checksum(text[:-6]) != found.group(4):
        return None
    return ApiKey(text, found.group(2))


def _checksum(head: str) -> str:
    number, digits = zlib.crc32(head.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return digits
