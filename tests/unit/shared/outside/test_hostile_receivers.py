"""Receivers that hang, drip, break off, talk nonsense or never end: each is one short reason, and soon."""

from base64 import b64encode

import pytest

from shared.domain import allow_list
from shared.downstream import Downstream, Target
from shared.errors import Transient

SECRET = "whsec_" + b64encode(b"k" * 32).decode()
LOOPBACK = allow_list.read(["127.0.0.0/8"])
# Long enough for a busy machine to answer in, short enough to wait for.
DEADLINE_S = 0.5
# None of these would ever end by itself: that the test does is what it shows.
pytestmark = pytest.mark.timeout(20)


@pytest.fixture
def downstream():
    found = Downstream("the-key", LOOPBACK, DEADLINE_S)
    yield found
    found.close()


def post(downstream, url, document=None):
    return downstream.post_signed(Target(url, (SECRET,)), message_id="m", document=document or {"type": "call.missed"})


def reason(downstream, url, document=None):
    with pytest.raises(Transient) as outcome:
        post(downstream, url, document)
    return outcome.value.reason


@pytest.mark.parametrize(
    "way",
    ["hang_at_once", "hang", "drip_status", "drip_headers", "drip_body", "drip_chunks", "drip_continue"],
)
def test_the_deadline_is_for_the_whole_of_it_whatever_trickles_in(downstream, receiver, way):
    assert reason(downstream, receiver(way).url) == "timeout"


def test_one_who_never_accepts_is_given_up(downstream, receiver):
    assert reason(downstream, receiver(accepts=False).url) == "timeout"


@pytest.mark.parametrize("way", ["hang_at_once", "sip"])
def test_one_who_does_not_read_what_does_not_fit_into_the_buffers_is_given_up(downstream, receiver, way):
    assert reason(downstream, receiver(way).url, {"long": "x" * 16_000_000}) == "timeout"


@pytest.mark.parametrize("way", ["hang_at_once", "drip_handshake"])
def test_a_handshake_that_does_not_end_is_given_up(downstream, receiver, way):
    assert reason(downstream, receiver(way).url.replace("http:", "https:")) == "timeout"


def test_a_sibling_service_has_the_same_deadline(downstream, receiver):
    url = receiver("drip_body").url
    for asked in (lambda: downstream.post_service(url, {}), lambda: downstream.look_up_number(url, "+14155550100")):
        with pytest.raises(Transient, match="timeout"):
            asked()


@pytest.mark.parametrize(
    "way",
    ["close_at_once", "close", "close_in_status", "close_after_status", "close_in_headers", "close_in_body", "close_in_chunk",
     "reset"],
)  # fmt: skip
def test_an_answer_that_breaks_off_is_none(downstream, receiver, way):
    assert reason(Downstream("", LOOPBACK), receiver(way).url) == "closed_early"


@pytest.mark.parametrize(
    "way",
    ["endless_headers", "endless_continue", "endless_chunk", "huge_header", "big_headers", "garbage", "wrong_status",
     "switching", "early_hints", "no_answer_line"],
)  # fmt: skip
def test_what_is_no_answer_or_far_too_much_of_one_is_unreadable(receiver, way):
    """With the usual deadline: it is not time that ends these."""
    assert reason(Downstream("", LOOPBACK), receiver(way).url) == "unreadable_answer"


def test_of_an_endless_body_the_beginning_is_enough(receiver):
    answer = post(Downstream("", LOOPBACK), receiver("endless_body").url)
    assert (answer.status, answer.excerpt) == (200, "x" * 1000)


def test_nothing_is_unpacked(receiver):
    answer = post(Downstream("", LOOPBACK), receiver("bomb").url)
    assert answer.ok
    assert answer.json == {}
    assert answer.excerpt.startswith("\ufffd")


def test_nobody_there_is_refused(downstream):
    assert reason(downstream, "http://127.0.0.1:1/") == "connection_refused"


def test_a_long_notification_is_sent_all_the_same(receiver):
    """Standard Webhooks asks for less than 20 kB; what is left out would be lost."""
    patient = receiver("keep")
    assert post(Downstream("", LOOPBACK), patient.url, {"long": "x" * 200_000}).ok
    assert len(patient.requests[0]) > 200_000
