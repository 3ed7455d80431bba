"""The benchmark's subscriber notes every notification once, with the time it came."""

import io
import socket
import subprocess
import sys
import time

from ops.benchmarks.subscriber import Note, Subscriber, cut, notes_in
from ops.stack.ports import free_port

POST = b'POST / HTTP/1.1\r\nContent-Length: 9\r\nWebhook-Id: one\r\n\r\n{"a": "b"'


def test_a_request_is_cut_off_only_when_it_is_whole():
    assert cut(b"") is None
    assert cut(POST[:20]) is None
    assert cut(POST[:-1]) is None
    assert cut(POST + b"GET") == (b"one", b'{"a": "b"', b"GET")
    assert cut(b"GET / HTTP/1.1\r\n\r\n") == (b"-", b"", b"")


def test_a_notification_in_pieces_is_one():
    port, notes = free_port(), io.BytesIO()
    subscriber = Subscriber(("127.0.0.1", port), notes)
    with connected(port) as line:
        subscriber.turn()
        for piece in (POST[:10], POST[10:45], POST[45:]):
            assert notes.getvalue() == b""
            line.sendall(piece)
            subscriber.turn()
    assert notes.getvalue().count(b"\n") == 1
    subscriber.turn()  # who hangs up is let go


def connected(port: int) -> socket.socket:
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 10)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline


def test_notifications_are_noted_in_pieces_and_in_bunches(tmp_path):
    port, notes = free_port(), tmp_path / "notes"
    program = [sys.executable, "-m", "ops.benchmarks.subscriber", f"127.0.0.1:{port}", str(notes)]
    before = time.time_ns()
    with subprocess.Popen(program) as child:
        try:
            with connected(port) as line, line.makefile("rb") as answers:
                for piece in (POST[:10], POST[10:], POST + POST, b"GET / HTTP/1.1\r\n\r\n"):
                    line.sendall(piece)
                assert [answers.readline()[:12] for _ in range(8)][::2] == [b"HTTP/1.1 204"] * 4
            noted = notes_in(notes.read_bytes())
        finally:
            child.kill()
    assert [(note.status, note.id, note.body) for note in noted] == [(204, "one", b'{"a": "b"')] * 3
    assert all(before < note.at_ns <= time.time_ns() for note in noted)


def test_what_is_told_while_it_is_down_is_refused_and_noted(tmp_path):
    port, notes, down = free_port(), io.BytesIO(), tmp_path / "down"
    subscriber = Subscriber(("127.0.0.1", port), notes, down)
    down.touch()
    with connected(port) as line:
        subscriber.turn()
        for _ in range(2):
            line.sendall(POST)
            subscriber.turn()
            down.unlink(missing_ok=True)
        assert [part[:3] for part in line.recv(4096).split(b"HTTP/1.1 ")] == [b"", b"503", b"204"]
    subscriber.turn()
    assert [note.status for note in notes_in(notes.getvalue())] == [503, 204]


def test_a_line_that_is_not_whole_is_not_read_yet():
    assert notes_in(b'7 204 one {"a": "b c"}\n8 204 tw') == [Note(7, 204, "one", b'{"a": "b c"}')]
