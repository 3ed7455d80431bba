"""Receivers that may be inside."""

from ipaddress import ip_address

import pytest

from shared.domain import allow_list


@pytest.mark.parametrize(
    ("word", "host", "port"),
    [("as-call", "as-call", 80), ("as-call", "AS-CALL.", 3000), ("As-Call:3000", "as-call", 3000),
     ("10.0.0.0/8", "10.1.2.3", 1), ("10.0.0.1", "10.0.0.1", 1), ("10.0.0.1:80", "10.0.0.1", 80), ("[::1]:80", "::1", 80),
     ("::1", "::1", 9), ("fd00::/8", "fd00::2", 9)],
)  # fmt: skip
def test_what_is_named_is_known(word, host, port):
    assert allow_list.read([word]).names(host, port)


@pytest.mark.parametrize(
    ("word", "host", "port"),
    [("as-call", "x.as-call", 80), ("as-call:3000", "as-call", 80), ("10.0.0.0/8", "11.0.0.1", 1),
     ("10.0.0.1:80", "10.0.0.1", 81), ("10.0.0.0/8", "ten.example", 80)],
)  # fmt: skip
def test_and_nothing_else(word, host, port):
    assert not allow_list.read([word]).names(host, port)


def test_a_network_holds_the_addresses_that_a_name_leads_to_and_a_host_with_a_port_does_not():
    allowed = allow_list.read(["10.0.0.0/8", "192.168.0.1:80"])
    assert allowed.holds(ip_address("10.2.3.4"))
    assert not allowed.holds(ip_address("192.168.0.1"))


@pytest.mark.parametrize("word", ["http://a.example", "a b", "a:0", "a:65536", "a:b", "*", "10.0.0.0/33", "a/8", ":80"])
def test_a_word_that_is_none_is_named(word):
    with pytest.raises(ValueError, match="is no host"):
        allow_list.read(["good.example", word])
