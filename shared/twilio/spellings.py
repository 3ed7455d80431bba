"""The spellings of one URL that Twilio may have signed: it adds or drops a port, and quotes an apostrophe or not.

Everything else counts byte for byte. A URL is never parsed and built again here, since that would lose a lone `?` or the
case of the scheme, and no text whatever makes these functions raise.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import parse_qsl, quote

_BASE: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(://)([^/?#]*)(.*)", re.DOTALL)
# Twilio's libraries give `wss` port 80 like every scheme that is not https; 443 is what it means.
_DEFAULT_PORTS: Final = {"https": ("443",), "wss": ("443", "80")}
_KEPT_BY_NODE: Final = "-_.!~*'()"  # by its `querystring` module, letters and digits aside


def split(url: str) -> tuple[str, str]:
    """Scheme, user and host of a URL; then its path and query. The fragment is gone: Twilio neither sends nor signs it."""
    whole = url.partition("#")[0]
    found = _BASE.fullmatch(whole)
    return (f"{found[1]}://{found[3]}", found[4]) if found else (whole, "")


def of_base(base: str) -> tuple[str, ...]:
    """`base` (`https://user@host:port/prefix`) as it is, then with and without user and port, or with the scheme's default
    port where it has none. Two where there is neither user nor port."""
    found = _BASE.fullmatch(base)
    if found is None:
        return (base,)
    scheme, sep, authority, rest = found.groups()
    user, at, place = authority.rpartition("@")
    host, port = _host_and_port(place)
    ports = (port,) if port else _DEFAULT_PORTS.get(scheme.lower(), ("80",))
    places = (host, *(f"{host}:{number}" for number in ports))
    forms = [
        f"{spelled}{sep}{who}{place}{rest}"
        for spelled in (scheme, scheme.lower())
        for who in (user + at, "")
        for place in places
    ]
    return tuple(dict.fromkeys((base, *forms)))


def _host_and_port(place: str) -> tuple[str, str]:
    """Only behind the bracket of an IPv6 address does a colon begin a port."""
    name_ends = place.rfind("]") + 1
    host, _, port = place[name_ends:].partition(":")
    return place[:name_ends] + host, port


def of_url(bases: Sequence[bytes], target: bytes) -> Iterator[bytes]:
    """The URL `target` (path and query) has on each of `bases`: as it is first, rarer spellings only when asked for."""
    for base in bases:
        yield base + target
    for spelled in _requoted(target):
        for base in bases:
            yield base + spelled
    for base in bases:
        if base[:4].lower() == b"wss:" or base[:3].lower() == b"ws:":
            yield base + _with_other_slash(target)


def _requoted(target: bytes) -> Iterator[bytes]:
    """An apostrophe is signed as `'` or `%27`, whichever was sent, and by older back ends with all of the query rewritten."""
    path, mark, query = target.partition(b"?")
    quoted = query.replace(b"'", b"%27")
    if b"%27" not in quoted:
        return
    yield path + mark + quoted
    yield path + mark + quoted.replace(b"%27", b"'")
    yield path + mark + _rewritten(quoted.decode("latin-1")).encode()


def _rewritten(query: str) -> str:
    """What Node's `querystring` makes of it: the same fields, values of one name together, a space as `%20`."""
    grouped: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        grouped.setdefault(quote(name, safe=_KEPT_BY_NODE), []).append(quote(value, safe=_KEPT_BY_NODE))
    return "&".join(f"{name}={value}" for name, values in grouped.items() for value in values)


def _with_other_slash(target: bytes) -> bytes:
    """A WebSocket's handshake is signed with a `/` behind the path or without, whatever was configured."""
    path, mark, query = target.partition(b"?")
    return (path[:-1] if path.endswith(b"/") else path + b"/") + mark + query
