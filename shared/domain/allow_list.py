"""Receivers that may be inside: what the operator has named, by host, by host and port, or by network."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from shared.domain.public_address import Address

_PLACE: Final = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+?)(:(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class AllowList:
    """`places`: (host, port), port None for every port. `networks`: addresses, whatever name leads to them."""

    places: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def names(self, host: str, port: int) -> bool:
        """Whether this host is named: then all its addresses count, and http:// will do. A written-out address is a name."""
        host = plain(host)
        if (host, port) in self.places or (host, None) in self.places:
            return True
        try:
            return self.holds(ip_address(host))
        except ValueError:
            return False

    def holds(self, address: Address) -> bool:
        """Whether this address lies in a network that is named."""
        return any(address in network for network in self.networks)


def read(words: Iterable[str]) -> AllowList:
    """Hosts, host:port, addresses and networks (CIDR). Raises ValueError that names the first word that is none."""
    places: set[tuple[str, int | None]] = set()
    networks: list[IPv4Network | IPv6Network] = []
    for word in words:
        try:
            networks.append(ip_network(word, strict=False))
        except ValueError:
            places.add(_place(word))
    return AllowList(frozenset(places), tuple(networks))


def plain(host: str) -> str:
    """A host as it is compared: small letters, no brackets, no dot at its end."""
    return host.lower().removeprefix("[").removesuffix("]").removesuffix(".")


def _place(word: str) -> tuple[str, int | None]:
    found = _PLACE.fullmatch(word.lower())
    port = int(found["port"]) if found and found["port"] else None
    if found is None or not (port is None or 0 < port < 65536):
        raise ValueError(f"{word!r} is no host, host:port or network")
    return plain(found["host"]), port
