"""The load generator counts what came back, nothing more and nothing less."""

import select
import socket

import pytest

from ops.benchmarks import load
from ops.benchmarks.line import LOST, BadAnswer, Line, told_by
from ops.benchmarks.load import Generator

NO_CONTENT = b"HTTP/1.1 204 No Content\r\nServer: test\r\n\r\n"
CLOSING = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nno\r\n"


def requests(count):
    return [b"POST / HTTP/1.1\r\nContent-Length: 0\r\nN: %d\r\n\r\n" % number for number in range(count)]


def answering(*answers):
    """Each piece is sent on its own."""

    def script(connection, _request):
        for piece in answers:
            connection.sendall(piece)
        return True

    return script


@pytest.fixture
def generator(request):
    opened = []

    def open_(server, connections, count):
        opened.append(Generator(server.address, connections, requests(count)))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


def test_a_closed_loop_sends_every_request_once_and_counts_each_answer(serve, generator):
    server = serve(answering(NO_CONTENT))
    answers = generator(server, 3, 50).closed(30)
    assert sorted(server.seen) == sorted(requests(50))
    assert (answers.statuses, len(answers.took_ns), answers.acks, answers.is_clean) == ({204: 50}, 50, 50, True)
    assert answers.elapsed_s > 0
    assert answers.rate == pytest.approx(50 / answers.elapsed_s)


def test_a_closed_loop_ends_in_time_though_requests_are_left(serve, generator):
    one = generator(serve(answering(NO_CONTENT)), 2, 100_000)
    answers = one.closed(0.05)
    assert 0 < answers.acks == one.sent < 100_000


def test_a_second_load_goes_on_where_the_first_has_ended(serve, generator):
    server = serve(answering(NO_CONTENT))
    one = generator(server, 2, 30)
    assert (one.paced(10, 1000).acks, one.paced(20, 1000).acks, one.paced(5, 1000).acks) == (10, 20, 0)
    assert sorted(server.seen) == sorted(requests(30))
    assert server.connections == 2


def test_answers_are_counted_by_status_and_only_2xx_are_acks(serve, generator):
    def script(connection, request):
        connection.sendall(FORBIDDEN if b"N: 3" in request else NO_CONTENT)
        return True

    answers = generator(serve(script), 1, 10).closed(30)
    assert (answers.statuses, answers.acks, answers.is_clean) == ({204: 9, 403: 1}, 9, False)


def test_an_answer_in_pieces_is_one_answer(serve, generator):
    server = serve(answering(FORBIDDEN[:20], FORBIDDEN[20:-2], FORBIDDEN[-2:]))
    assert generator(server, 2, 20).closed(30).statuses == {403: 20}


def test_an_answer_is_incomplete_until_its_body_is_there():
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = Line(server.getsockname())
        connection, _ = server.accept()
        assert line.receive() is None
        for piece in (FORBIDDEN[:20], FORBIDDEN[20:-2]):
            connection.sendall(piece)
            select.select([line.socket], [], [], 10)
            assert line.receive() is None
        connection.sendall(FORBIDDEN[-2:])
        select.select([line.socket], [], [], 10)
        assert line.receive() == 403
        connection.close()
        line.close()


def test_a_request_that_could_not_be_sent_is_counted_as_lost(serve, generator):
    one = generator(serve(answering(NO_CONTENT)), 1, 5)
    one.lines[0].socket.shutdown(socket.SHUT_WR)
    assert one.paced(5, 1000).statuses == {204: 4, LOST: 1}


def test_a_connection_that_the_server_ends_with_its_answer_is_opened_anew(serve, generator):
    def script(connection, _request):
        connection.sendall(CLOSING)
        return False

    server = serve(script)
    assert generator(server, 2, 12).closed(30).statuses == {204: 12}
    assert server.connections == 12


def test_a_connection_that_ends_without_an_answer_is_counted_as_lost(serve, generator):
    def script(connection, request):
        if b"N: 4" in request:
            return False
        connection.sendall(NO_CONTENT)
        return True

    answers = generator(serve(script), 1, 8).closed(30)
    assert (answers.statuses, answers.is_clean) == ({204: 7, LOST: 1}, False)


def test_whoever_stays_silent_is_counted_as_lost(serve, generator, monkeypatch):
    monkeypatch.setattr(load, "PATIENCE_S", 0.05)
    one = generator(serve(answering()), 2, 100)
    answers = one.closed(0.01)
    assert (answers.statuses, answers.is_clean, one.sent) == ({LOST: 2}, False, 2)


def test_what_a_server_is_too_late_to_take_is_counted_as_lost(serve, generator, monkeypatch):
    monkeypatch.setattr(load, "PATIENCE_S", 0.05)
    answers = generator(serve(answering()), 1, 50).paced(50, 1_000)
    assert (answers.statuses, answers.is_clean) == ({LOST: 50}, False)


def test_the_wait_for_a_free_connection_counts(serve, generator):
    """Three webhooks are due at once, one connection: the last has waited for the two before it."""
    answers = generator(serve(answering(NO_CONTENT)), 1, 3).paced(3, 1e9)
    assert answers.took_ns == sorted(answers.took_ns)
    assert answers.took_ns[2] > answers.took_ns[0]
    assert answers.took_ns[2] <= answers.elapsed_s * 1e9


def test_a_paced_load_takes_the_time_that_its_rate_asks_for(serve, generator):
    answers = generator(serve(answering(NO_CONTENT)), 4, 100).paced(100, 1000)
    assert answers.acks == 100
    assert answers.elapsed_s >= 0.099


def test_what_a_run_without_answers_says_is_not_clean():
    nothing = load.Answers()
    assert (nothing.is_clean, nothing.rate, nothing.acks) == (False, 0.0, 0)


@pytest.mark.parametrize("head", [b"", b"SMTP 204", b"HTTP/1.1", b"HTTP/1.1 abc"])
def test_what_is_not_http_is_a_bad_answer(head):
    with pytest.raises(BadAnswer):
        told_by(head)


def test_the_head_of_an_answer_is_read_in_any_spelling():
    assert told_by(b"HTTP/1.1 200 OK\r\ncontent-LENGTH:  12\r\nCONNECTION: Close") == (200, 12, True)
    assert told_by(b"HTTP/1.0 204") == (204, None, False)
