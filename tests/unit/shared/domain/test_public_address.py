"""Which addresses are of the public internet. The blocks are of IANA's special-purpose registries."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.public_address import is_public


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "151.101.1.69", "2606:4700:4700::1111", "2a00:1450:4001::1",
                                     "64:ff9b::808:808", "::ffff:8.8.8.8"])  # fmt: skip
def test_what_everybody_reaches_is_public(address):
    assert is_public(address)
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1",
        "169.254.169.254", "100.64.0.1", "100.127.255.255", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1",
        "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "168.63.129.16",
        "::", "::1", "::7f00:1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::808:808", "100::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1",
        "fd00:ec2::254", "ff02::1", "ff0e::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1", "2002:7f00:1::",
        "2002:808:808::", "3fff::1", "5f00::1", "4000::1", "8.8.8.8%eth0", "2606:4700:4700::1111%1", "nonsense", "",
    ],
)  # fmt: skip
def test_what_is_local_reserved_or_in_disguise_is_not(address):
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_in_disguise_is_judged_as_what_it_is(inner: IPv4Address):
    for prefix in (0xFFFF << 32, 0x0064_FF9B << 96):
        assert is_public(IPv6Address(prefix | int(inner))) is is_public(inner)


@given(st.ip_addresses())
def test_nothing_is_public_that_python_calls_private_multicast_or_reserved(address: IPv4Address | IPv6Address):
    if is_public(address):
        assert address.is_global or getattr(address, "ipv4_mapped", None)
        assert not address.is_multicast
        assert not address.is_loopback
        assert not address.is_link_local
