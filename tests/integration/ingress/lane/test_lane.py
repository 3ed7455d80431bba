"""The hot lane answers the plain case, and everything else is Flask's."""

import pytest

from tests.integration.ingress.lane.conftest import OWNER, Server, call, status, until, webhook

LANE = "lane_answers_total"


def test_a_signed_callback_is_stored_in_both_stores_and_answered_in_the_loop(own_server):
    answer = own_server.client().ask(webhook(headers={"I-Twilio-Idempotency-Token": "t-1"}))
    assert (answer.status, answer.body) == (204, b"")
    (event,) = own_server.stored()
    assert (event.kind, event.key, event.token) == ("call-status", f"call-status:CA{1:032x}:completed", "t-1")
    assert answer.headers["x-request-id"] == event.event_id
    assert own_server.metric(LANE) == 1
    assert own_server.metric("events_stored_total") == 1
    assert own_server.metric('webhooks_total{kind="call-status",outcome="accepted"}') == 1
    assert own_server.metric('webhook_ack_seconds_count{kind="call-status"}') == 1
    assert event.key in own_server.log()
    # The same one again and again until both stores were quick enough to be waited for.
    until(
        lambda: (
            own_server.client().ask(webhook()) and own_server.metric('events_stored_total{where="journal_and_inbox"}')
        )
    )
    assert (
        {stored.key for stored in own_server.in_inbox()}
        == {stored.key for stored in own_server.in_journal()}
        == {event.key}
    )


def test_a_call_is_answered_with_twiml_in_the_loop(server):
    answer = server.client().ask(webhook("/api/calls/incoming", call()))
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert OWNER.encode() in answer.body
    assert server.stored()[0].answer == "forward;step=1"
    assert server.metric(LANE) == 1


def test_a_connection_is_kept_and_many_webhooks_come_over_it(server):
    client = server.client()
    assert [client.ask(webhook(params=status(number))).status for number in range(20)] == [204] * 20
    assert len(server.stored()) == 20


def test_a_client_that_says_close_is_answered_in_the_loop_and_closed(server):
    client = server.client()
    answer = client.ask(webhook(headers={"Connection": "close"}))
    assert (answer.status, answer.headers["connection"]) == (204, "close")
    assert client.is_closed()
    assert server.metric(LANE) == 1


def test_what_arrives_in_pieces_is_one_request(server):
    client, data = server.client(), webhook()
    for byte in range(0, len(data) - 1, 97):
        client.send(data[byte : min(byte + 97, len(data) - 1)])
    assert client.ask(data[-1:]).status == 204
    assert len(server.stored()) == 1


def test_two_requests_at_once_are_both_answered_in_order(server):
    client = server.client()
    client.send(webhook(params=status(1)) + webhook("/api/calls/incoming", call(2)) + webhook(params=status(3)))
    assert [client.answer().status for _ in range(3)] == [204, 200, 204]
    assert [event.kind for event in server.stored()] == ["call-status", "call-in", "call-status"]


def test_after_flask_has_answered_the_connection_is_the_lanes_again(server):
    client = server.client()
    assert client.ask(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").status == 200
    assert client.ask(webhook()).status == 204
    assert client.ask(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n").status == 404
    assert client.ask(webhook(params=status(2))).status == 204
    assert server.metric(LANE) == 2


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (webhook(signature="AAAAAAAAAAAAAAAAAAAAAAAAAAA="), 403),
        (webhook(signature=""), 403),
        (webhook(body=b"CallSid=CA1"), 403),
        (webhook("/api/webhooks/%73tatus"), 204),
        (webhook(headers={"X-Request-Id": "my-request-1"}), 204),
        (webhook(headers={"Transfer-Encoding": "chunked"}), 400),
        (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"hello\r\n\r\n", 400),
        (b"POST /api/webhooks/status HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (webhook().replace(b"HTTP/1.1", b"HTTP/1.0"), 204),
    ],
)
def test_what_is_not_plain_or_not_genuine_is_flasks(server, data, expected):
    assert server.client().ask(data).status == expected
    assert server.metric(LANE) == 0
    assert len(server.stored()) == (1 if expected == 204 else 0)


def test_a_chunked_body_is_flasks_too(server):
    whole = webhook()
    head, _, body = whole.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
    chunked = b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", b"%x" % len(body), body, b"0", b"", b""])
    assert server.client().ask(chunked).status == 204
    assert server.metric(LANE) == 0


def test_a_client_that_waits_for_leave_to_send_gets_it(server):
    head, _, body = webhook(headers={"Expect": "100-continue"}).partition(b"\r\n\r\n")
    client = server.client()
    assert client.ask(head + b"\r\n\r\n").status == 100
    client.send(body)
    until(lambda: client.answer().status == 204)  # gunicorn says "go on" once more, for those who have not yet


def test_switched_off_everything_is_flasks_and_the_answers_are_the_same(redis_url, database_url, tmp_path):
    server = Server(redis_url, database_url, tmp_path, {"TS_HOT_LANE": "off"}).start()
    try:
        assert server.client().ask(webhook()).status == 204
        assert server.client().ask(webhook("/api/calls/incoming", call())).status == 200
        assert server.metric(LANE) == 0
        assert len(server.stored()) == 2
    finally:
        server.stop()


def test_many_at_once_share_a_turn_and_none_is_mixed_up(server):
    clients = [server.client() for _ in range(60)]
    for number, client in enumerate(clients):
        client.send(webhook("/api/calls/incoming", call(number)) if number % 2 else webhook(params=status(number)))
    for number, client in enumerate(clients):
        assert client.answer().status == (200 if number % 2 else 204)
    assert until(lambda: len(server.stored()) == 60)
    assert server.metric(LANE) == 60
