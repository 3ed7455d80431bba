"""What an endpoint may look like: its address, and the headers of its own that go with every notification.

Raises ValueError with words for the person who typed it. Whether a host's addresses are public is judged again whenever we
connect: a name may lead elsewhere by then.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from shared.domain.allow_list import AllowList, plain
from shared.domain.public_address import is_public

_LONGEST_URL: Final = 2048  # longer ones are cut by proxies and logs on the way
_MOST_HEADERS: Final = 20
_LONGEST_NAME, _LONGEST_VALUE = 128, 4096  # common servers refuse a head of 8 KiB
_MOST_CHARACTERS: Final = 6144  # of all of them together, which leaves room for ours
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_VALUE: Final = re.compile(r"[\x21-\x7e]([\x20\x09\x21-\x7e]*[\x21-\x7e])?")  # RFC 9110, 5.5, without what is no ASCII
# What we set, what speaks of the connection and not of the message, and what would tell the receiver who vouches for us.
_OURS: Final = frozenset({
    "host", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "http2-settings",
    "accept-encoding", "user-agent", "x-service-key", "forwarded", "via", "date",
})  # fmt: skip
_OUR_FAMILIES: Final = ("webhook-", "content-", "proxy-", "x-forwarded-", "sec-")
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"\d+|0x[0-9a-f]*")


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers as they are sent, names in small letters. Raises ValueError."""
    if len(headers) > _MOST_HEADERS:
        raise ValueError(f"at most {_MOST_HEADERS} headers")
    checked = {_header_name(name): _header_value(name, value) for name, value in headers.items()}
    if len(checked) < len(headers):
        raise ValueError("a header's name appears twice")
    if sum(len(name) + len(value) for name, value in checked.items()) > _MOST_CHARACTERS:
        raise ValueError(f"headers of at most {_MOST_CHARACTERS} characters together")
    return checked


def checked_url(url: str, allowed: AllowList) -> None:
    """Raises ValueError unless notifications may be posted there, as far as the address alone can tell."""
    if len(url) > _LONGEST_URL:
        raise ValueError(f"must be of at most {_LONGEST_URL} characters")
    if not re.fullmatch(r"[\x21-\x7e]+", url) or "\\" in url:
        raise ValueError("must be plain ASCII without spaces; write other letters as %XX, and a host as xn--…")
    parts = _parts(url)
    host, port = parts.hostname or "", _port(parts)
    _host(host)
    if allowed.names(host, port):
        return
    if parts.scheme != "https":
        raise ValueError("must be an https:// address; http:// only where TS_EVENT_ALLOW names the host")
    if "." not in plain(host) and ":" not in host:
        raise ValueError("must be a host of the public internet, or one that TS_EVENT_ALLOW names")
    if _is_literal(host) and not is_public(host):
        raise ValueError("must be a public address, or one that TS_EVENT_ALLOW names")


def checked_platform_url(url: str, allowed: AllowList) -> None:
    """As `checked_url`, for a service that is sent the platform's key: only operators say who that is. Raises ValueError."""
    checked_url(url, allowed)
    parts = _parts(url)
    if not allowed.names(parts.hostname or "", _port(parts)):
        raise ValueError("as-call-service is sent the platform's key: TS_EVENT_ALLOW must name its host")


def _header_name(name: str) -> str:
    small = name.lower()
    if not _TOKEN.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ValueError(f"{name[:_LONGEST_NAME]!r} is no name of a header")
    if small in _OURS or small.startswith(_OUR_FAMILIES):
        raise ValueError(f"the header {small} cannot be chosen")
    return small


def _header_value(name: str, value: str) -> str:
    """The message never says the value: it may be a password."""
    if len(value) > _LONGEST_VALUE or not (value == "" or _VALUE.fullmatch(value)):
        raise ValueError(f"the value of {name} must be printable ASCII of at most {_LONGEST_VALUE} characters")
    return value


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as fault:
        raise ValueError("is no address") from fault
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an https:// address")
    if "@" in parts.netloc:
        raise ValueError("must be without a user name and password; send them in a header")
    if "#" in url:
        raise ValueError("must be without a fragment (#), which is never sent")
    return parts


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("must have a port of 1 to 65535, or none")
    return port or (443 if parts.scheme == "https" else 80)


def _host(host: str) -> None:
    """A DNS name or a written-out address. Numbers in other spellings (octal, hexadecimal, one number for all) are none."""
    if _is_literal(host):
        return
    labels = plain(host).split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("must have a host name, or an address without a zone")
    if _NUMBER.fullmatch(labels[-1]):
        raise ValueError("must write an IPv4 address as four decimal numbers")


def _is_literal(host: str) -> bool:
    for kind in (IPv4Address, IPv6Address):
        try:
            return "%" not in str(kind(host))
        except ValueError:
            continue
    return False
