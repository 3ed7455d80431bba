"""Where we connect to: public addresses, or what the operator has named, judged at the moment of the connection."""

import socket
import threading

import pytest

from shared.domain import allow_list
from shared.downstream import Downstream, Target
from shared.errors import Permanent, Transient
from shared.outside.bounded import tls_context
from shared.outside.resolver import Resolver, Unresolved
from tests.unit.shared.outside.test_kept_connections import SECRET

pytestmark = pytest.mark.timeout(20)


def made(*allowed, deadline_s=2.0):
    return Downstream("the-key", allow_list.read(allowed), deadline_s)


def post(downstream, url):
    return downstream.post_signed(Target(url, (SECRET,)), message_id="m", document={"type": "call.missed"})


def reason(downstream, url):
    with pytest.raises(Transient) as outcome:
        post(downstream, url)
    return outcome.value.reason


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::1]", "[::ffff:127.0.0.1]", "[::]", "localhost",
     "10.1.2.3", "169.254.169.254", "100.100.100.200", "[fe80::1]", "[fd00:ec2::254]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"],
)  # fmt: skip
def test_no_spelling_of_an_address_inside_is_connected_to(host):
    assert reason(made(), f"https://{host}:9/") == "private_address"


def test_a_name_that_leads_inside_is_not_followed(names, receiver):
    inside = receiver("keep")
    names.lead("evil.test", ["127.0.0.1"])
    assert reason(made(), f"https://evil.test:{inside.port}/") == "private_address"
    assert inside.connections == 0


def test_a_name_that_leads_outside_and_inside_is_not_followed_either(names, receiver):
    inside = receiver("keep")
    names.lead("evil.test", ["8.8.8.8", "127.0.0.1"])
    assert reason(made(), f"https://evil.test:{inside.port}/") == "private_address"
    assert inside.connections == 0


def test_a_name_is_resolved_once_and_what_was_judged_is_what_is_connected_to(names, receiver, authority):
    """Rebinding: the first answer is allowed, the second leads to what nobody may reach. 127.0.0.2 is the allowed one here."""
    good = receiver("keep", address=("127.0.0.2", 0), tls=authority.server_context("rebinding.test"))
    victim = receiver("keep", address=("127.0.0.1", good.port))
    names.lead("rebinding.test", ["127.0.0.2"], ["127.0.0.1"])
    downstream = Downstream("", allow_list.read(["127.0.0.2/32"]), 5, tls_context(str(authority.file)))
    assert post(downstream, f"https://rebinding.test:{good.port}/").ok
    assert names.asked == ["rebinding.test"]
    downstream.close()
    assert reason(downstream, f"https://rebinding.test:{good.port}/") == "private_address"
    assert (good.connections, victim.connections) == (1, 0)


def test_a_name_that_nobody_knows_is_unresolved(names):
    assert reason(made(), "https://nowhere.test/") == "unresolved"


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".com"])
def test_a_name_that_is_none_is_unresolved(host):
    assert reason(made(), f"https://{host}/") == "unresolved"


def test_a_name_server_that_hangs_is_asked_once_and_costs_the_deadline(monkeypatch):
    hung, asked = threading.Event(), []

    def hang(host, port, *, type, flags=0):
        if flags:
            raise socket.gaierror(socket.EAI_NONAME, "a name")
        asked.append(host)
        hung.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    downstream = made(deadline_s=0.2)
    assert [reason(downstream, "https://slow.test/") for _ in range(3)] == ["unresolved"] * 3
    assert asked == ["slow.test"]
    hung.set()


def test_name_servers_that_hang_do_not_take_all_the_threads_there_are(monkeypatch):
    hung = threading.Event()

    def hang(host, port, *, type, flags=0):
        if flags:
            raise socket.gaierror(socket.EAI_NONAME, "a name")
        hung.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    resolver = Resolver()
    for number in range(50):
        with pytest.raises(Unresolved):
            resolver.addresses(f"many{number}.test", 443, 0.0)
    assert sum("resolve many" in thread.name for thread in threading.enumerate()) == 32
    hung.set()


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.0/8", "127.0.0.1:{port}"])
def test_what_the_operator_names_may_be_inside_and_without_tls(receiver, entry):
    inside = receiver("keep")
    assert post(made(entry.format(port=inside.port)), inside.url).ok


@pytest.mark.parametrize("entry", ["inside.test", "inside.test:{port}", "INSIDE.test."])
def test_a_name_that_the_operator_names_may_lead_anywhere(names, receiver, entry):
    inside = receiver("keep")
    names.lead("inside.test", ["127.0.0.1"])
    assert post(made(entry.format(port=inside.port)), f"http://inside.test:{inside.port}/").ok


def test_another_port_of_a_host_that_is_named_with_one_is_not_allowed(receiver):
    inside = receiver("keep")
    assert reason(made("127.0.0.1:1"), inside.url) == "not_https"


def test_http_to_the_public_internet_is_not_spoken():
    assert reason(made(), "http://8.8.8.8/") == "not_https"


@pytest.mark.parametrize("url", [None, "https://hooks.example.com/in"])
def test_the_platforms_key_goes_only_to_hosts_that_operators_have_named(receiver, names, url):
    inside = receiver("keep")
    with pytest.raises(Transient, match="not_named"):
        made("somebody.else").post_service(url or inside.url, {})
    assert (inside.connections, names.asked) == (0, [])


def test_an_address_that_takes_nobody_leaves_the_next_one_its_turn(names, receiver):
    second = receiver("keep", address=("127.0.0.2", 0))
    names.lead("two.test", ["127.0.0.3", "127.0.0.2"])
    assert post(made("two.test"), f"http://two.test:{second.port}/").ok


@pytest.mark.parametrize("url", ["ftp://a.example/", "https://", "https://a.example:0x/", "https://ä.example/",
                                 "https://a.example/\r\nx: y", "https://u:p@a.example/", "https://a.example/ x"])  # fmt: skip
def test_an_address_that_is_none_never_works(url):
    with pytest.raises(Permanent):
        post(made(), url)
