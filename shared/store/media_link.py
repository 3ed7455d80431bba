"""Links of our own that read one recording for a while: what a presigned address is for a bucket, for a disk.

A token says what it opens and until when, under a signature; nobody can make one without a key of the ring, and nothing is
stored of it.
"""

import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.store.ring import link_keys

PATH: Final = "/api/media/"
_SIGNATURE_BYTES: Final = 32
_UNTIL: Final = struct.Struct(">Q")  # seconds since 1970
_MOST_CHARACTERS: Final = 2048  # a token of ours has some two hundred; more is not worth hashing


@dataclass(frozen=True, slots=True)
class Link:
    """What a link opens, and how its answer is to be dressed."""

    key: str
    filename: str
    content_type: str


def sealed(ring: Mapping[str, bytes], link: Link, *, now: datetime, expires_s: int) -> str:
    """The path of a link that is good for `expires_s` seconds from `now`. Raises ValueError for a NUL in a name."""
    fields = (link.key, link.filename, link.content_type)
    if any("\0" in text for text in fields):
        raise ValueError("a NUL in a link")
    until = int((now + timedelta(seconds=expires_s)).timestamp())
    said = _UNTIL.pack(until) + "\0".join(fields).encode()
    signature = hmac.digest(link_keys(ring)[0], said, "sha256")
    return PATH + urlsafe_b64encode(signature + said).decode().rstrip("=")


def opened(ring: Mapping[str, bytes], token: str, now: datetime) -> Link | None:
    """What the token opens; None when it is forged, altered or too old. Every key of the ring verifies."""
    content = _decoded(token)
    signature, said = content[:_SIGNATURE_BYTES], content[_SIGNATURE_BYTES:]
    # All are tried, so that the time tells nothing of which one it was.
    good = [hmac.compare_digest(hmac.digest(key, said, "sha256"), signature) for key in link_keys(ring)]
    if not any(good) or _UNTIL.unpack_from(said)[0] <= now.timestamp():
        return None
    return Link(*said[_UNTIL.size :].decode().split("\0"))


def _decoded(token: str) -> bytes:
    """The token's bytes, none if it is not spelled as ours are: one link, one spelling."""
    if len(token) > _MOST_CHARACTERS or not token.isascii():
        return b""
    try:
        content = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return b""
    return content if urlsafe_b64encode(content).decode().rstrip("=") == token else b""
