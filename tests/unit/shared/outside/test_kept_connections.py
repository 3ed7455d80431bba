"""Connections are kept, and a kept one that turns out closed costs nothing but a new one."""

import select
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from ops.standins.hostile import WAYS
from shared.domain import allow_list
from shared.downstream import Downstream, Target
from shared.errors import Transient
from shared.outside.place import parsed

SECRET = "whsec_" + b64encode(b"k" * 32).decode()
LOOPBACK = allow_list.read(["127.0.0.0/8"])
pytestmark = pytest.mark.timeout(20)


@pytest.fixture
def downstream():
    found = Downstream("the-key", LOOPBACK)
    yield found
    found.close()


def post(downstream, url, message_id="m"):
    return downstream.post_signed(Target(url, (SECRET,)), message_id=message_id, document={"type": "call.missed"})


def test_one_connection_serves_many_posts(downstream, receiver):
    patient = receiver("keep")
    assert all(post(downstream, patient.url).ok for _ in range(20))
    assert patient.connections == 1


def test_posts_side_by_side_never_share_one(downstream, receiver):
    patient = receiver("keep")
    with ThreadPoolExecutor(8) as threads:
        assert all(answer.ok for answer in threads.map(lambda n: post(downstream, patient.url, f"m-{n}"), range(200)))
    assert len(patient.requests) == 200
    assert patient.connections <= 8


def test_a_kept_connection_that_is_closed_at_the_next_post_is_replaced(downstream, receiver):
    restarting = receiver("keep_then_close")
    assert post(downstream, restarting.url, "first").ok
    assert post(downstream, restarting.url, "second").ok
    assert restarting.connections == 2
    assert [b"webhook-id: second" in request for request in restarting.requests] == [False, True, True]


def test_a_kept_connection_that_has_begun_to_answer_is_not_asked_again(downstream, receiver):
    """It may have done the work: the schedule asks again, and counts it."""
    half = receiver("keep_then_begin")
    assert post(downstream, half.url).ok
    with pytest.raises(Transient):
        post(downstream, half.url)
    assert half.connections == 1


def test_a_sibling_service_which_may_have_taken_it_is_not_asked_again_at_once(downstream, receiver):
    """It knows no ids of ours, so twice would be twice: whoever asked decides."""
    restarting = receiver("keep_then_close")
    assert downstream.post_service(restarting.url, {}).ok
    with pytest.raises(Transient, match="closed_early"):
        downstream.post_service(restarting.url, {})
    assert restarting.connections == 1


def test_a_connection_that_was_closed_while_it_was_idle_is_not_used(downstream, receiver):
    closing = receiver("keep_once")
    assert downstream.post_service(closing.url, {}).ok
    place, _ = parsed(closing.url)
    if (line := downstream.lines.take(place)) is not None:  # else its end is here already
        assert select.select([line], [], [], 10)[0]
        downstream.lines.keep(place, line)
    assert downstream.post_service(closing.url, {}).ok
    assert closing.connections == 2


def test_a_new_connection_that_is_closed_at_once_is_not_tried_again(downstream, receiver):
    dead = receiver("close")
    with pytest.raises(Transient, match="closed_early"):
        post(downstream, dead.url)
    assert dead.connections == 1


def test_a_second_answer_that_nobody_asked_for_is_never_taken_for_the_next_ones(downstream, receiver):
    liar = receiver("two_answers")
    assert [post(downstream, liar.url).status for _ in range(5)] == [200] * 5


def test_a_connection_made_on_trust_does_not_serve_those_who_are_checked(receiver):
    inside = receiver("keep")
    guarded = Downstream("the-key")
    assert guarded.look_up_number(f"http://127.0.0.1:{inside.port}", "+14155550100").ok
    with pytest.raises(Transient, match="not_https"):
        post(guarded, inside.url)
    assert len(inside.requests) == 1
    guarded.close()


def test_kept_connections_are_few_however_many_were_open_side_by_side(downstream, receiver):
    everybody_is_here = receiver("keep")
    with ThreadPoolExecutor(40) as threads:
        lines = [*threads.map(lambda _: _opened(downstream, everybody_is_here), range(40))]
    for place, line in lines:
        downstream.lines.keep(place, line)
    assert sum(line.fileno() >= 0 for _, line in lines) == 32


def _opened(downstream, receiver):
    place, _ = parsed(receiver.url)
    return place, downstream.guard.connected(place, monotonic() + 10, 1000)


def test_the_places_posted_to_longest_ago_are_let_go_first(downstream, receiver):
    patient = receiver("keep")
    lines = []
    for number in range(257):
        place, line = _opened(downstream, patient)
        downstream.lines.keep(place._replace(host=f"127.0.0.{number % 200}", port=number + 1), line)
        lines.append(line)
    assert [line.fileno() for line in lines[:2]] == [-1, lines[1].fileno()]
    assert all(line.fileno() >= 0 for line in lines[1:])


def test_every_way_to_misbehave_has_a_name_that_a_path_can_say(receiver):
    by_path = receiver()
    downstream = Downstream("", LOOPBACK)
    assert post(downstream, f"http://127.0.0.1:{by_path.port}/anything").ok
    with pytest.raises(Transient, match="closed_early"):
        post(downstream, f"http://127.0.0.1:{by_path.port}/x/close")
    assert all(name.replace("_", "").isalpha() for name in WAYS)
