"""Slow clients wait in the loop and cost nobody else anything; requests have limits, and the answer says which."""

import time

import pytest

from ingress.limits import MOST_BODY_BYTES, MOST_HEAD_BYTES, REQUEST_S
from tests.integration.ingress.lane.conftest import Server, call, status, until, webhook

HALVES = {
    "nothing": b"",
    "half a head": b"POST /api/webhooks/status HTTP/1.1\r\nHost: a\r\nX-Tw",
    "a head without its body": b"POST /api/webhooks/status HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n",
    "half a body": b"POST /api/sms/send HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nabc",
    "half an odd request": b"POST /x HTTP/1.1\r\nHost: a\r\nX_Odd: 1\r\nContent-Length: 500\r\n\r\nabc",
    "half a chunked body": b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "leave to send": b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
}


@pytest.mark.parametrize("lane", ["on", "off"])
def test_two_hundred_half_sent_requests_change_nothing_for_others(redis_url, database_url, tmp_path, lane):
    server = Server(redis_url, database_url, tmp_path, {"TS_HOT_LANE": lane}).start()
    slow = [server.client() for _ in range(200)]
    try:
        for number, client in enumerate(slow):
            client.send(list(HALVES.values())[number % len(HALVES)])
        # Two threads: had any of the two hundred one, nobody else would be answered before it gave up.
        for number in range(20):
            started = time.monotonic()
            assert server.client().ask(webhook(params=status(number))).status == 204
            assert server.client().ask(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").status == 200
            assert time.monotonic() - started < REQUEST_S / 2
        assert len(server.stored()) == 20
    finally:
        for client in slow:
            client.close()
        server.stop()


def test_requests_that_do_not_become_whole_are_refused_in_words(server):
    """All at once, because each takes its ten seconds."""
    clients = {name: server.client() for name in HALVES if name != "nothing"}
    for name, client in clients.items():
        client.send(HALVES[name])
    for name, client in clients.items():
        answer = client.answer()
        if name == "leave to send":
            assert answer.status == 100
            answer = client.answer()
        assert (name, answer.status, answer.headers["connection"]) == (name, 408, "close")
        assert b"10 s" in answer.body
        assert client.is_closed()
    assert server.metric('http_requests_total{method="') >= len(clients)


def test_a_head_without_end_is_refused_before_it_is_a_burden(server):
    client = server.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * (MOST_HEAD_BYTES + 100))
    assert client.answer().status == 431


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(server):
    client = server.client()
    client.send(b"POST /api/webhooks/status HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY_BYTES + 1))
    answer = client.answer()
    assert (answer.status, answer.headers["content-type"]) == (413, "text/plain; charset=utf-8")
    assert str(MOST_BODY_BYTES).encode() in server.client().ask(
        b"POST /api/sms/send HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY_BYTES + 1)
    ).body  # fmt: skip


def test_a_refused_client_that_goes_on_sending_still_reads_why(server):
    client = server.client()
    client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n" + b"a" * 900_000)
    assert client.answer().status == 413


@pytest.mark.parametrize("headers", [{f"X-{number}": "a" for number in range(100)}, {"X": "a" * 9000}])
def test_too_many_or_too_long_headers_are_refused(server, headers):
    assert server.client().ask(webhook(headers=headers)).status in (400, 431)
    assert server.stored() == []


def test_the_largest_request_that_is_allowed_is_taken(server):
    text = {**status(), "Body": "x" * (MOST_BODY_BYTES - 300)}
    assert server.client().ask(webhook(params=text)).status == 204


def test_a_flood_of_bad_signatures_is_refused_and_good_ones_come_through(server):
    flood = [server.client() for _ in range(50)]
    for _ in range(10):
        for client in flood:
            client.send(webhook(signature="AAAAAAAAAAAAAAAAAAAAAAAAAAA="))
        assert server.client().ask(webhook("/api/calls/incoming", call())).status == 200
        assert {client.answer().status for client in flood} == {403}
    assert len(server.stored()) == 10
    assert server.log().count("webhook_refused") < 100  # a flood must not fill the disk with lines
    assert until(lambda: server.metric('webhooks_total{kind="unknown",outcome="refused"}') == 500)


def test_when_all_connections_are_taken_the_slowest_make_room(redis_url, database_url, tmp_path):
    server = Server(redis_url, database_url, tmp_path, {"GUNICORN_CMD_ARGS": "--worker-connections 40"}).start()
    slow = [server.client() for _ in range(60)]
    try:
        for client in slow:
            client.send(HALVES["half a head"])
        assert server.client().ask(webhook()).status == 204
    finally:
        for client in slow:
            client.close()
        server.stop()
