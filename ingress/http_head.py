"""The head of a request, read strictly: what is not plainly HTTP/1.1 as everybody sends it is left to gunicorn's parser.

The rule is safe because it only ever says "plain" or "not plain": two readers can disagree about an odd request, and a
request both must agree on has one reading only.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from ingress.limits import MOST_HEADERS, MOST_LINE_BYTES

END: Final = b"\r\n\r\n"
_REQUEST_LINE: Final = re.compile(r"([A-Z]{3,7}) (/[!-\"$-~]*) HTTP/1\.1")  # visible ASCII, no fragment
# A token of RFC 9110, but for the underscore: WSGI would not tell `X_Twilio_Signature` from `X-Twilio-Signature`.
_NAME: Final = re.compile(r"[!#$%&'*+.^`|~0-9A-Za-z-]+")
_LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,9}")
# Longer lines are cookies and tokens, which do not come again.
_SHORT: Final = 128
# Headers that change how a request is framed or what its connection becomes.
_NOT_PLAIN: Final = frozenset({
    "transfer-encoding", "expect", "upgrade", "te", "trailer", "proxy-connection", "http2-settings",
})  # fmt: skip
_EXPECTS: Final = re.compile(rb"(?i)\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n|\Z)")


class Head(NamedTuple):
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
    if not raw.isascii():
        return None
    first, *lines = raw.decode("ascii").split("\r\n")
    request = _REQUEST_LINE.fullmatch(first)
    if request is None or len(first) > MOST_LINE_BYTES or not 0 < len(lines) <= MOST_HEADERS:
        return None
    headers: dict[str, str] = {}
    for line in lines:
        header = _known_header(line) if len(line) <= _SHORT else _header(line)
        if header is None:
            return None
        headers[header[0]] = header[1]
    length = headers.get("content-length", "0")
    if len(headers) < len(lines) or "host" not in headers or not _LENGTH.fullmatch(length):
        return None
    connection = headers.get("connection", "keep-alive").lower()
    if connection not in ("keep-alive", "close"):
        return None
    return Head(request[1], request[2], headers, int(length), connection == "close")


def _header(line: str) -> tuple[str, str] | None:
    """Name in lower case and value; None for a line that is not plain: a lone line break in it is not printable."""
    name, colon, value = line.partition(":")
    lower = name.lower()
    is_long = len(line) + len("\r\n") > MOST_LINE_BYTES  # as gunicorn counts a header's bytes
    if not colon or is_long or lower in _NOT_PLAIN or not _NAME.fullmatch(name):
        return None
    return (lower, value.strip(" \t")) if value.replace("\t", " ").isprintable() else None


# Clients send the same few lines for ever.
_known_header: Final = lru_cache(maxsize=1024)(_header)


_ODD_REQUEST_LINE: Final = re.compile(rb"([A-Z]{1,20}) (/[!-~]*) HTTP/1\.[01]\r\n")


def line_of(raw: bytes) -> tuple[str, str]:
    """Method and target of a request that is not a plain one; empty when they cannot be told at a glance."""
    found = _ODD_REQUEST_LINE.match(raw)
    return (found[1].decode(), found[2].decode()) if found else ("", "")


def waits_for_leave(raw: bytes) -> bool:
    """Whether the client sends its body only when it is told to go on (RFC 9110, section 10.1.1)."""
    return _EXPECTS.search(raw) is not None
