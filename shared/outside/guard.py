"""Where we may connect: the addresses that a host has at this moment are judged, and the connection goes to one of them.

Nothing is resolved a second time, so a name server that tells another address the next time gains nothing. TLS still checks
the certificate against the host's name.
"""

import socket
import ssl
from dataclasses import dataclass, field
from ipaddress import ip_address
from time import monotonic
from typing import Final

from shared.domain.allow_list import AllowList
from shared.domain.public_address import is_public
from shared.errors import Transient
from shared.outside.bounded import Plain, Tls, wrapped
from shared.outside.place import Place
from shared.outside.resolver import Resolver, SocketAddress, Unresolved

# A little over two TCP retransmissions; an address that swallows everything must leave time for the next one.
_CONNECT_S: Final = 3.05


@dataclass(frozen=True)
class Guard:
    """Makes connections, and only those that are allowed. Used by all threads at once."""

    allowed: AllowList
    tls: ssl.SSLContext
    resolver: Resolver = field(default_factory=Resolver)

    def connected(self, place: Place, ends_at: float, room: int) -> Plain | Tls:
        """A new connection. Raises Transient (`unresolved`, `private_address`, `not_https`), OSError, ssl.SSLError."""
        plain = _connected(self._addresses(place, ends_at), ends_at, room)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return wrapped(plain, self.tls, place.host) if place.scheme == "https" else plain
        except BaseException:
            plain.close()
            raise

    def _addresses(self, place: Place, ends_at: float) -> list[tuple[int, SocketAddress]]:
        is_named = place.is_trusted or self.allowed.names(place.host, place.port)
        if place.scheme != "https" and not is_named:
            raise Transient("not_https")
        try:
            found = self.resolver.addresses(place.host, place.port, ends_at)
        except Unresolved as fault:
            raise Transient("unresolved") from fault
        # All of them: a host that is public and inside at once is either a trap or a mistake.
        if not is_named and not all(self._is_allowed(str(address[0])) for _, address in found):
            raise Transient("private_address")
        return found

    def _is_allowed(self, address: str) -> bool:
        return is_public(address) or self.allowed.holds(ip_address(address))


def _connected(addresses: list[tuple[int, SocketAddress]], ends_at: float, room: int) -> Plain:
    """To the first that takes us. Raises the last one's OSError."""
    last: OSError = OSError("no address")
    for family, address in addresses:
        plain = Plain(family, socket.SOCK_STREAM)
        try:
            plain.begin(min(ends_at, monotonic() + _CONNECT_S), room)
            plain.shrink()
            plain.connect(address)
            plain.begin(ends_at, room)
            return plain
        except OSError as fault:
            plain.close()
            last = fault
    raise last
