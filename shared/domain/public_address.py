"""Which IP addresses belong to the public internet: the only ones that a receiver of somebody else's choice may have."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address

# Beside what `ipaddress` calls not global. Its own tables differ between Python's releases, so what matters is said here.
_V4_CLOSED: Final = tuple(
    ip_network(block)
    for block in (
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598); some clouds keep their metadata there
        "168.63.129.16/32",  # Azure's host agent: a public address that only a machine inside reaches
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.88.99.0/24",  # relays of 6to4, withdrawn (RFC 7526)
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_V6_OPEN: Final = ip_network("2000::/3")  # all that IANA has given out as global unicast
_V6_CLOSED: Final = tuple(
    ip_network(block)
    for block in (
        "2001::/23",  # protocol assignments, Teredo among them: an IPv4 address of somebody's choice inside (RFC 4380)
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: the same (RFC 3056)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_NAT64: Final = ip_network("64:ff9b::/96")  # an IPv4 address as a machine with IPv6 only sees it (RFC 6052)


def is_public(address: Address | str) -> bool:
    """False for everything local, reserved or in disguise, and for a text that is no address. A scope id is always local."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return found.is_global and not any(found in block for block in _V4_CLOSED)
    if found.scope_id is not None:
        return False
    inner = _inner(found)
    if inner is not None:
        return is_public(inner)
    return found in _V6_OPEN and found.is_global and not any(found in block for block in _V6_CLOSED)


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a connection to this one really goes to."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
