"""TLS: the certificate must be good, and be the host's, although the connection goes to an address."""

import ssl

import pytest

from shared.domain import allow_list
from shared.downstream import Downstream, Target
from shared.errors import Transient
from shared.outside.bounded import tls_context
from tests.unit.shared.outside.test_guard import post
from tests.unit.shared.outside.test_kept_connections import SECRET

pytestmark = pytest.mark.timeout(20)
LOOPBACK = allow_list.read(["127.0.0.0/8"])


@pytest.fixture
def trusting(authority):
    found = Downstream("", LOOPBACK, 5, tls_context(str(authority.file)))
    yield found
    found.close()


def reason(downstream, url):
    with pytest.raises(Transient) as outcome:
        post(downstream, url)
    return outcome.value.reason


def test_the_certificate_is_checked_against_the_hosts_name_and_the_connection_is_kept(
    names, receiver, authority, trusting
):
    names.lead("hooks.test", ["127.0.0.1"])
    good = receiver("keep", tls=authority.server_context("hooks.test"))
    assert all(post(trusting, f"https://hooks.test:{good.port}/").ok for _ in range(5))
    assert good.connections == 1
    assert f"host: hooks.test:{good.port}".encode() in good.requests[0]


def test_a_certificate_for_another_host_is_refused(names, receiver, authority, trusting):
    names.lead("hooks.test", ["127.0.0.1"])
    other = receiver("keep", tls=authority.server_context("other.test"))
    assert reason(trusting, f"https://hooks.test:{other.port}/") == "tls"
    assert other.requests == []


def test_a_certificate_for_the_address_is_not_one_for_the_name(names, receiver, authority, trusting):
    names.lead("hooks.test", ["127.0.0.1"])
    other = receiver("keep", tls=authority.server_context("127.0.0.1"))
    assert reason(trusting, f"https://hooks.test:{other.port}/") == "tls"
    assert post(trusting, other.url).ok


def test_a_certificate_that_is_over_or_signed_by_nobody_known_is_refused(names, receiver, authority, trusting):
    names.lead("hooks.test", ["127.0.0.1"])
    over = receiver("keep", tls=authority.server_context("hooks.test", is_over=True))
    assert reason(trusting, f"https://hooks.test:{over.port}/") == "tls"
    good = receiver("keep", tls=authority.server_context("hooks.test"))
    assert reason(Downstream("", LOOPBACK, 5), f"https://hooks.test:{good.port}/") == "tls"


def test_one_who_speaks_no_tls_is_no_receiver(receiver, trusting):
    assert reason(trusting, receiver("speak_first").url.replace("http:", "https:")) == "tls"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_old_version_of_tls_is_refused(names, receiver, authority, trusting):
    names.lead("hooks.test", ["127.0.0.1"])
    context = authority.server_context("hooks.test")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old = receiver("keep", tls=context)
    assert reason(trusting, f"https://hooks.test:{old.port}/") in ("tls", "closed_early")


@pytest.mark.parametrize("way", ["hang", "drip_headers", "drip_body"])
def test_the_deadline_holds_under_tls_too(names, receiver, authority, way):
    names.lead("hooks.test", ["127.0.0.1"])
    slow = receiver(way, tls=authority.server_context("hooks.test"))
    impatient = Downstream("", LOOPBACK, 0.5, tls_context(str(authority.file)))
    assert reason(impatient, f"https://hooks.test:{slow.port}/") == "timeout"


@pytest.mark.parametrize("way", ["hang_at_once", "sip"])
def test_one_who_does_not_read_is_given_up_under_tls_too(names, receiver, authority, way):
    names.lead("hooks.test", ["127.0.0.1"])
    slow = receiver(way, tls=authority.server_context("hooks.test"))
    impatient = Downstream("", LOOPBACK, 0.5, tls_context(str(authority.file)))
    target = Target(f"https://hooks.test:{slow.port}/", (SECRET,))
    with pytest.raises(Transient, match="timeout"):
        impatient.post_signed(target, message_id="m", document={"long": "x" * 16_000_000})


def test_a_kept_connection_that_is_closed_meanwhile_is_replaced_under_tls_too(names, receiver, authority, trusting):
    names.lead("hooks.test", ["127.0.0.1"])
    restarting = receiver("keep_then_close", tls=authority.server_context("hooks.test"))
    assert all(post(trusting, f"https://hooks.test:{restarting.port}/").ok for _ in range(2))
    assert restarting.connections == 2
