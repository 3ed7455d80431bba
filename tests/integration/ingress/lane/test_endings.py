"""Stopping and reloading under load: no webhook is lost, and none that was sent goes unanswered."""

import itertools
import os
import signal
import threading

import pytest

from tests.integration.ingress.lane.conftest import Client, Server, children, status, until, webhook


class Sender(threading.Thread):
    """Posts one webhook after another over a kept connection, as Twilio's proxy does, until told to stop."""

    numbers = itertools.count(1)

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.server, self.done = server, threading.Event()
        self.acked: list[str] = []
        self.unanswered: list[str] = []
        self.refused: list[int] = []

    def run(self) -> None:
        client: Client | None = None
        while not self.done.is_set():
            try:
                client = client or self.server.client()
            except ConnectionRefusedError:
                return  # the end of the whole server
            number = next(self.numbers)
            try:
                answer = client.ask(webhook(params=status(number)))
            except OSError:
                # The connection was ended while it was idle: then nothing of this was read, and Twilio tries again at once.
                self.unanswered.append(f"call-status:CA{number:032x}:completed")
                client = None
                continue
            self.refused += [] if answer.status == 204 else [answer.status]
            self.acked.append(f"call-status:CA{number:032x}:completed")
            if answer.headers["connection"] == "close":
                client.close()
                client = None


@pytest.fixture(params=["on", "off"])
def loaded(request, redis_url, database_url, tmp_path):
    server = Server(redis_url, database_url, tmp_path, {"TS_HOT_LANE": request.param, "TS_WEB_WORKERS": "2"}).start()
    senders = [Sender(server) for _ in range(4)]
    for sender in senders:
        sender.start()
    until(lambda: all(len(sender.acked) > 20 for sender in senders))
    yield server, senders
    for sender in senders:
        sender.done.set()
        sender.join(10)
    server.stop()


def ended(senders):
    for sender in senders:
        sender.done.set()
        sender.join(10)
    acked = [key for sender in senders for key in sender.acked]
    return acked, [key for sender in senders for key in sender.unanswered], [s for x in senders for s in x.refused]


def test_reloading_under_load_loses_and_refuses_nothing(loaded):
    server, senders = loaded
    for _ in range(2):
        before = [len(sender.acked) for sender in senders]
        old = children(server)
        os.kill(server.process.pid, signal.SIGHUP)
        until(lambda old=old: not old & children(server))
        until(lambda before=before: all(len(s.acked) > n + 20 for s, n in zip(senders, before, strict=True)))
    acked, unanswered, refused = ended(senders)
    assert (unanswered, refused) == ([], [])
    assert {event.key for event in server.stored()} == set(acked)


def test_a_worker_that_is_told_to_end_finishes_what_it_has(loaded):
    server, senders = loaded
    for pid in children(server):
        before = [len(sender.acked) for sender in senders]
        os.kill(pid, signal.SIGTERM)
        until(lambda pid=pid: pid not in children(server))
        until(lambda before=before: all(len(s.acked) > n + 5 for s, n in zip(senders, before, strict=True)))
    acked, unanswered, refused = ended(senders)
    assert (unanswered, refused) == ([], [])
    assert {event.key for event in server.stored()} == set(acked)


def test_the_end_of_the_server_loses_nothing_that_was_acknowledged(loaded):
    server, senders = loaded
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(30)
    acked, _, refused = ended(senders)
    assert refused == []
    assert set(acked) <= {event.key for event in server.stored()}


def test_a_killed_worker_loses_nothing_that_was_acknowledged(loaded):
    server, senders = loaded
    for pid in children(server):
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(children(server)) == 2)
    before = [len(sender.acked) for sender in senders]
    until(lambda: all(len(s.acked) > n + 5 for s, n in zip(senders, before, strict=True)))
    acked, _, refused = ended(senders)
    assert refused == []
    assert set(acked) <= {event.key for event in server.stored()}
