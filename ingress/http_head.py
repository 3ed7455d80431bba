"""The head of a request, read strictly: what is not plainly HTTP/1.1 as everybody sends it is left to gunicorn's parser.

The rule is safe because it only ever says "plain" or "not plain": two readers can disagree about an odd request, and a
request both must agree on has one reading only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ingress.limits import MOST_HEADERS, MOST_LINE_BYTES

END: Final = b"\r\n\r\n"
_REQUEST_LINE: Final = re.compile(r"([A-Z]{3,7}) (/[!-\"$-~]*) HTTP/1\.1")  # visible ASCII, no fragment
# A token of RFC 9110, but for the underscore: WSGI would not tell `X_Twilio_Signature` from `X-Twilio-Signature`.
_NAME: Final = re.compile(r"[!#$%&'*+.^`|~0-9A-Za-z-]+")
_ODD: Final = re.compile(rb"[^\r\n\t -~]")
_LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,9}")
# Headers that change how a request is framed or what its connection becomes.
_NOT_PLAIN: Final = frozenset({
    "transfer-encoding", "expect", "upgrade", "te", "trailer", "proxy-connection", "http2-settings",
})  # fmt: skip
_EXPECTS: Final = re.compile(rb"(?i)\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n|\Z)")


@dataclass(frozen=True, slots=True)
class Head:
    """A plain request's head. `headers` by lower-case name; of a name that came twice there is no head at all."""

    method: str
    target: str
    headers: Mapping[str, str]
    length: int
    """Bytes of the body; 0 without a Content-Length."""
    is_last: bool
    """The client wants the connection closed behind the answer."""


def read(raw: bytes) -> Head | None:
    """The head in `raw` (without its empty line), or None when it is not a plain one."""
    if _ODD.search(raw):
        return None
    first, *lines = raw.decode("ascii").split("\r\n")
    request = _REQUEST_LINE.fullmatch(first)
    if request is None or len(first) > MOST_LINE_BYTES or not 0 < len(lines) <= MOST_HEADERS:
        return None
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        lower = _name(name)
        if (
            not colon
            or lower is None
            or lower in headers
            or "\r" in value
            or "\n" in value
            or len(line) + len("\r\n") > MOST_LINE_BYTES  # as gunicorn counts a header's bytes
        ):
            return None
        headers[lower] = value.strip(" \t")
    length = headers.get("content-length", "0")
    if "host" not in headers or not _LENGTH.fullmatch(length):
        return None
    connection = headers.get("connection", "keep-alive").lower()
    if connection not in ("keep-alive", "close"):
        return None
    return Head(request[1], request[2], headers, int(length), connection == "close")


def waits_for_leave(raw: bytes) -> bool:
    """Whether the client sends its body only when it is told to go on (RFC 9110, section 10.1.1)."""
    return _EXPECTS.search(raw) is not None


@lru_cache(maxsize=256)
def _name(name: str) -> str | None:
    """A header's name in lower case; None for one that is not plain. Clients send the same few names for ever."""
    lower = name.lower()
    return lower if _NAME.fullmatch(name) and lower not in _NOT_PLAIN else None
