"""An address in the parts that matter to a connection."""

from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from shared.errors import Permanent

_PORTS: Final = {"http": 80, "https": 443}


class Place(NamedTuple):
    """Who is connected to. `is_trusted`: named by the operator's own settings, so it may be anywhere.

    It is part of the key of kept connections: one that was made without a check is never used where a check is due.
    """

    scheme: str
    host: str
    port: int
    is_trusted: bool = False

    @property
    def authority(self) -> str:
        """As the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@lru_cache(maxsize=1024)
def parsed(url: str, is_trusted: bool = False) -> tuple[Place, str]:
    """Where to connect, and what to ask for there (path and query). Raises Permanent."""
    try:
        parts = urlsplit(url)
        place = Place(parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme], is_trusted)
    except (ValueError, KeyError) as fault:
        raise Permanent("bad_url") from fault
    asked = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not place.host or "@" in parts.netloc or not (url.isascii() and url.isprintable()) or " " in url:
        raise Permanent("bad_url")
    return place, asked
