"""The keys of the recordings on disk, and what is derived from them: one key a file, one for links."""

import hmac
from collections.abc import Mapping
from typing import Final

_FILE: Final = b"twilio-server recording 1"
_LINK: Final = b"link"


def file_key(key: bytes, salt: bytes) -> bytes:
    """32 bytes for the frames of one file, whose `salt` no other file has."""
    return derived(key, salt, _FILE)


def link_keys(ring: Mapping[str, bytes]) -> list[bytes]:
    """32 bytes a key for signing links, that of the writing key first."""
    return [derived(key, b"", _LINK) for key in ring.values()]


def derived(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 of 32 bytes: RFC 5869, where as much as one digest needs one round."""
    extracted = hmac.digest(salt or bytes(32), key, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")
