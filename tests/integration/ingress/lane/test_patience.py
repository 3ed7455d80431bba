"""Slow clients wait in the loop and cost nobody else anything; requests have limits, and the answer says which."""

import contextlib
import time

import pytest

from ingress.limits import MOST_BODY_BYTES, MOST_BULK_BYTES, MOST_BULKS_AT_ONCE, MOST_HEAD_BYTES, REQUEST_S
from tests.integration.ingress.lane.conftest import Server, call, status, until, webhook

HALVES = {
    "nothing": b"",
    "half a head": b"POST /api/webhooks/status HTTP/1.1\r\nHost: a\r\nX-Tw",
    "a head without its body": b"POST /api/webhooks/status HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n",
    "half a body": b"POST /api/sms/send HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nabc",
    "half an odd request": b"POST /x HTTP/1.1\r\nHost: a\r\nX_Odd: 1\r\nContent-Length: 500\r\n\r\nabc",
    "half a chunked body": b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "half a chunked body that ends as a whole one does":
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nab\r\n\r\n",
    "half a body in two codings": b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n20\r\nab",
    "half a body of a length with many noughts": b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 00000000500\r\n\r\nabc",
    "leave to send": b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
}  # fmt: skip
PING = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"


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
            assert server.client().ask(PING).status == 200
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


def test_half_a_request_behind_a_whole_one_costs_no_thread_either(server):
    slow = [server.client() for _ in range(18)]
    for client, half in zip(slow, ["half a head", "half a body", "half an odd request"] * 6, strict=True):
        client.send(PING + HALVES[half])
    for client in slow:
        assert client.answer().status == 200
    assert server.client().ask(PING).status == 200
    for client in slow:
        assert client.answer().status == 408


def test_requests_in_one_piece_are_answered_in_their_order(server):
    client = server.client()
    client.send(webhook() + PING + webhook(signature="A" * 28) + webhook("/api/calls/incoming", call()) + PING[:9])
    assert [client.answer().status for _ in range(4)] == [204, 200, 403, 200]
    client.send(PING[9:])
    assert client.answer().status == 200
    assert len(server.stored()) == 2


@pytest.mark.parametrize(
    "last", [PING.replace(b"Host: a", b"Host: a\r\nConnection: close"), b"GET / HTTP/1.1\r\nHost\r\n\r\n"]
)
def test_clients_that_do_not_hang_up_behind_their_last_answer_keep_nobody_waiting(server, last):
    idle = [server.client() for _ in range(10)]
    for client in idle:
        client.send(last)
    for client in idle:
        assert client.answer().headers["connection"] == "close"
    started = time.monotonic()
    assert server.client().ask(webhook()).status == 204
    assert time.monotonic() - started < 1  # one client that was waited for would cost two seconds
    assert all(client.is_closed() for client in idle)


def test_clients_that_read_no_answers_have_a_thread_for_a_while_only(server):
    """Two threads: each is sent more than the sockets between can hold."""
    deaf = [server.client() for _ in range(2)]
    for client in deaf:
        client.sock.settimeout(1)  # until then the server takes what it has room for
        with pytest.raises(TimeoutError):
            client.send(PING.replace(b"/livez", b"/openapi.json") * 200_000)
    patient = server.client()
    patient.sock.settimeout(45)  # ten seconds by the rule, and a busy machine's share
    assert patient.ask(PING).status == 200


def test_a_head_without_end_is_refused_before_it_is_a_burden(server):
    client = server.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * (MOST_HEAD_BYTES + 100))
    assert client.answer().status == 431


def test_a_head_that_is_too_large_is_refused_however_it_comes(server):
    large = webhook(headers={f"X-{number}": "a" * 8000 for number in range(5)})
    assert server.client().ask(large).status == 431
    assert server.stored() == []


def test_a_body_in_chunks_has_the_same_limit(server):
    for size, status_code in ((MOST_BODY_BYTES, 404), (MOST_BODY_BYTES + 1, 413), (900_000, 413)):
        client = server.client()
        client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(b"%x\r\n" % size + b"a" * size + b"\r\n0\r\n\r\n")
        assert (size, client.answer().status) == (size, status_code)


@pytest.mark.parametrize("chunks", [b"zz\r\nabc\r\n", b"3\r\nabcde\r\n0\r\n\r\n", b"ffffffffffff\r\na"])
def test_chunks_that_are_none_are_the_clients_fault(server, chunks):
    odd = b"POST /api/webhooks/status HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert server.client().ask(odd + chunks).status == 400
    assert "request_failed" not in server.log()


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


BULK = b"POST /api/sms/bulk?from=1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize("more", [b"", b"Expect: 100-continue\r\n"])
def test_a_bulk_may_be_larger_than_anything_else(server, more: bytes):
    client = server.client()
    client.send(BULK + more + b"Content-Length: %d\r\n\r\n" % MOST_BULK_BYTES)
    if more:
        assert client.sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    answer = client.ask(b"a" * MOST_BULK_BYTES)
    if answer.status == 100:  # gunicorn says it once more
        answer = client.answer()
    assert answer.status == 401  # Flask has it, and nobody has shown a key
    too_large = server.client().ask(BULK + more + b"Content-Length: %d\r\n\r\n" % (MOST_BULK_BYTES + 1))
    assert (too_large.status, str(MOST_BULK_BYTES).encode() in too_large.body) == (413, True)


def test_a_bulk_in_chunks_has_the_same_limit(server):
    for size, status_code in ((MOST_BULK_BYTES, 401), (MOST_BULK_BYTES + 1, 413)):
        client = server.client()
        client.send(BULK + b"Transfer-Encoding: chunked\r\n\r\n")
        client.send(b"%x\r\n" % size + b"a" * size + b"\r\n0\r\n\r\n")
        assert (size, client.answer().status) == (size, status_code)


def test_a_few_large_bodies_have_room_at_once_and_nobody_else_notices(server):
    half = BULK + b"Content-Length: %d\r\n\r\n" % MOST_BULK_BYTES + b"a" * (MOST_BULK_BYTES // 2)
    waiting = [server.client() for _ in range(2 * (MOST_BULKS_AT_ONCE + 1))]  # whichever process each of them comes to
    refused = 0
    for client in waiting:
        client.send(half)
        assert server.client().ask(webhook()).status == 204
        client.sock.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            answer = client.answer()
            assert (answer.status, answer.headers["retry-after"]) == (503, "2")
            refused += 1
    assert refused >= 1


@pytest.mark.parametrize("headers", [{f"X-{number}": "a" for number in range(100)}, {"X": "a" * 9000}])
def test_too_many_or_too_long_headers_are_refused(server, headers):
    assert server.client().ask(webhook(headers=headers)).status in (400, 431)
    assert server.stored() == []


def test_the_largest_request_that_is_allowed_is_taken(server):
    text = {**status(), "Body": "x" * (MOST_BODY_BYTES - 300)}
    assert server.client().ask(webhook(params=text)).status == 204


def test_a_flood_of_bad_signatures_is_refused_and_good_ones_come_through(own_server):
    flood = [own_server.client() for _ in range(50)]
    for _ in range(10):
        for client in flood:
            client.send(webhook(signature="AAAAAAAAAAAAAAAAAAAAAAAAAAA="))
        assert own_server.client().ask(webhook("/api/calls/incoming", call())).status == 200
        assert {client.answer().status for client in flood} == {403}
    assert len(own_server.stored()) == 10
    assert own_server.log().count("webhook_refused") < 100  # a flood must not fill the disk with lines
    assert until(lambda: own_server.metric('webhooks_total{kind="unknown",outcome="refused"}') == 500)


def test_a_flood_of_what_is_no_request_leaves_few_lines_and_nothing_of_its_own_in_them(own_server):
    for number in range(100):
        answer = own_server.client().ask(
            b"GET /?From=%2B12125550142 secret-" + b"x" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        assert (number, answer.status) == (number, 400)
    assert own_server.metric('http_requests_total{method="",route="(none)",status="400"}') == 100
    assert 0 < own_server.log().count("request_unreadable") < 30
    assert "secret" not in own_server.log()


def test_methods_that_clients_make_up_are_counted_as_one(server):
    for method in (b"AAA", b"BBB", b"CCC"):
        assert server.client().ask(PING.replace(b"GET", method)).status == 405
        assert server.client().ask(method + b" /x HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n").status == 413
    assert until(lambda: server.metric('http_requests_total{method="other"') == 6)


@pytest.mark.parametrize(
    "headers",
    [{"SCRIPT_NAME": "/x"}, {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "off"}],
    ids=["script", "scheme"],
)
def test_a_proxy_on_this_host_is_believed_no_more_than_any_other(server, headers):
    assert server.client().ask(webhook(headers=headers)).status == 204


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
