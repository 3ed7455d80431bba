"""gunicorn's threaded worker, with patience: requests are read in its event loop, and a thread gets whole ones only.

gthread hands every new connection to a thread, which then waits for the client: forty slow clients stop it dead. Here
they wait in the loop and cost a few kilobytes each. A request that is whole goes to the hot lane if that knows it, or
with its bytes to the pool and so to Flask, by gunicorn's own parser.
"""

import contextlib
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from gunicorn import http
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.gthread import ThreadWorker

from ingress import http_body, http_head, problem, unreadable
from ingress.conns import Conn, Conns
from ingress.http_head import Head
from ingress.lane import Lane, Request
from ingress.limits import (
    ANSWER_S,
    MOST_BODY_BYTES,
    MOST_BULK_BYTES,
    MOST_BULKS_AT_ONCE,
    MOST_HEAD_BYTES,
    REQUEST_S,
    most_body_bytes,
)
from ingress.observe import method_label
from ingress.problem import Problem
from shared import log, metrics

_READ_BYTES: Final = 16384  # Twilio's requests have one or two kilobytes; a large buffer costs its allocation
_ACCEPTS_A_TURN: Final = 16  # both workers wait on one listener: who takes all leaves the other idle
_ODD: Final = 2  # times the limit: chunks are sent with their sizes; of the body in them Flask is the judge
_LINGER_S: Final = 2.0  # for a client to read the last answer of its connection before that is reset
# When this share of the connections is taken, those that have shown least make room for new ones.
_CROWDED: Final = 0.9
_REVIVE_S: Final = 5.0  # a net may be missing for a few seconds; looking costs next to nothing
_SEND_TIMEOUT: Final = struct.pack("ll", ANSWER_S, 0)  # a `timeval`
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_TOO_LARGE: Final = Problem(413, "content-too-large", "The request is too large", f"At most {MOST_BODY_BYTES} bytes.")
_BULK_TOO_LARGE: Final = Problem(413, "content-too-large", "The bulk is too large", f"At most {MOST_BULK_BYTES} bytes.")
_TOO_MANY_BULKS: Final = Problem(
    503, "busy", "Too many bulks at once", "Send it again in a moment.", headers={"Retry-After": "2"}
)
_HEAD_TOO_LARGE: Final = Problem(431, "head-too-large", "The head is too large", f"At most {MOST_HEAD_BYTES} bytes.")
_TOO_SLOW: Final = Problem(408, "too-slow", "The request did not come", f"A request has {REQUEST_S:g} s to arrive.")


class PatientWorker(ThreadWorker):
    """The ingress's worker class. `lane` is None when it is switched off: then every whole request is Flask's."""

    lane: Lane | None = None
    revive: Callable[[], None]

    def init_process(self) -> None:
        """After the fork, before the application is loaded."""
        self.keepalived_conns: Any = Conns()  # nothing has come of their next request
        self.partial_conns = Conns()  # a part has
        self.parting_conns = Conns()  # their last answer is sent
        self.batch: list[tuple[Conn, Request]] = []
        self.revived_at = 0.0
        super().init_process()

    def load_wsgi(self) -> None:
        """The application brings the Runtime, and with it the lane."""
        super().load_wsgi()
        extensions = getattr(self.wsgi, "extensions", {})
        self.lane, self.revive = extensions.get("hot_lane"), extensions.get("revive", _nothing)

    def accept(self, listener: Any) -> None:
        """Takes new connections into the loop."""
        for _ in range(_ACCEPTS_A_TURN):
            try:
                sock, client = listener.accept()
            except OSError:  # nobody there any more, or no descriptor left: the next turn tries again
                return
            with contextlib.suppress(OSError):  # a unix socket has no such option
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SEND_TIMEOUT)
            self.nr_conns += 1
            conn = Conn(self.cfg, sock, client, listener.getsockname())
            self.keepalived_conns.append(conn)
            self.poller.register(sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn))

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """Reads what there is, without waiting."""
        try:
            data = client.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(conn)
        elif conn not in self.parting_conns:
            self._grow(conn, data)

    def wait_for_and_dispatch_events(self, timeout: Any) -> None:
        """One turn of the loop: all that is readable is read, then everything the lane has taken is stored at once."""
        super().wait_for_and_dispatch_events(timeout)
        if self.batch:
            self._flush()
        if self.nr_conns > self.worker_connections * _CROWDED:
            self._make_room()

    def murder_pending(self) -> None:
        """Ends requests that did not arrive in time. Called by gunicorn in every turn."""
        now = time.monotonic()
        if now > self.revived_at + _REVIVE_S:
            self.revived_at = now
            self.revive()
        while self.partial_conns and self.partial_conns[0].timeout <= now:
            self._refuse(self.partial_conns[0], _TOO_SLOW)
        while self.parting_conns and self.parting_conns[0].timeout <= now:
            self._drop(self.parting_conns[0])
        super().murder_pending()

    def finish_request(self, conn: Any, fs: Any) -> None:
        """A thread has answered. gunicorn would wait here for a client to hang up, and give a thread what has come of the
        next request: the loop does both without anybody waiting."""
        try:
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn))
        except (OSError, ValueError):  # closed, when an answer broke off in its middle
            self._drop(conn)
            return
        if fs.cancelled() or fs.exception() or not fs.result():
            self._part(conn)
            return
        rest = conn.parser.unreader.take_buffered()
        self._await_next(conn)
        if rest:
            self._grow(conn, rest)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Any) -> None:
        """Called in a thread, for what gunicorn's parser would not read as well as for bugs."""
        if not unreadable.is_answered(client, exc):
            super().handle_error(req, client, addr, exc)

    def _grow(self, conn: Conn, data: bytes) -> None:
        if conn in self.keepalived_conns:
            self.keepalived_conns.remove(conn)
            conn.timeout = time.monotonic() + REQUEST_S
            self.partial_conns.append(conn)
            conn.buf = data
        else:
            conn.buf += data
        self._look(conn)

    def _look(self, conn: Conn) -> None:
        """What has come: enough, too much, or not yet enough?"""
        buf = conn.buf
        if conn.head_end < 0:
            conn.head_end = buf.find(http_head.END)
            if (len(buf) if conn.head_end < 0 else conn.head_end) > MOST_HEAD_BYTES:
                self._refuse(conn, _HEAD_TOO_LARGE)
                return
            if conn.head_end < 0:
                return
            conn.head = http_head.read(buf[: conn.head_end])
            conn.most_body_bytes = self._most_body_bytes(conn)
        start = conn.head_end + len(http_head.END)
        if conn.head is None:
            self._look_at_odd(conn, buf[: conn.head_end], start)
        elif conn.head.length > conn.most_body_bytes:
            self._refuse_body(conn)
        elif len(buf) >= start + conn.head.length:
            self._take(conn, conn.head, start)
        elif conn.head.length > MOST_BODY_BYTES and self._is_crowded_by_bulks():
            self._refuse(conn, _TOO_MANY_BULKS)

    def _most_body_bytes(self, conn: Conn) -> int:
        if conn.head is not None and conn.head.length <= MOST_BODY_BYTES:
            return MOST_BODY_BYTES  # as nearly every request, and of a webhook no more is asked
        method, target = (conn.head.method, conn.head.target) if conn.head else http_head.line_of(conn.buf)
        return most_body_bytes(method, target.partition("?")[0])

    def _is_crowded_by_bulks(self) -> bool:
        """Who sends a large body need not have shown a key yet: so there is room for a few of them only."""
        return sum(len(each.buf) > MOST_BODY_BYTES for each in self.partial_conns) > MOST_BULKS_AT_ONCE

    def _refuse_body(self, conn: Conn) -> None:
        self._refuse(conn, _TOO_LARGE if conn.most_body_bytes == MOST_BODY_BYTES else _BULK_TOO_LARGE)

    def _look_at_odd(self, conn: Conn, raw: bytes, start: int) -> None:
        if conn.body is None:
            conn.body = http_body.of(raw, start, conn.most_body_bytes)
        if conn.body.is_too_large:
            self._refuse_body(conn)
        elif conn.body.is_whole(conn.buf):
            self._hand_over(conn)
        elif len(conn.buf) - start > _ODD * conn.most_body_bytes:
            self._refuse_body(conn)
        elif len(conn.buf) > MOST_BODY_BYTES and self._is_crowded_by_bulks():
            self._refuse(conn, _TOO_MANY_BULKS)
        elif not conn.has_leave and http_head.waits_for_leave(raw):
            conn.has_leave = True
            with contextlib.suppress(OSError):  # who is gone shows at the next reading
                conn.sock.send(_CONTINUE)

    def _take(self, conn: Conn, head: Head, start: int) -> None:
        """A plain request is whole: the lane's, if it says yes, else Flask's. Two at once are Flask's."""
        if self.lane is not None and len(conn.buf) == start + head.length:
            taken = self._taken(head, conn.buf[start:], str(conn.client[0]) if conn.client else "")
            if taken is not None:
                self.batch.append((conn, taken))
                return
        self._hand_over(conn)

    def _taken(self, head: Head, body: bytes, peer: str) -> Request | None:
        assert self.lane is not None  # asked before
        try:
            return self.lane.take(head, body, peer)
        except Exception as fault:  # noqa: BLE001 - a bug that one request finds must not end the loop of all the others
            log.get().error("lane_broke", where=log.where(fault))
            return None

    def _hand_over(self, conn: Conn) -> None:
        """To the pool: gunicorn's parser reads the same bytes again, and no others. Were it ever to want more than the loop
        took for a whole request, it would find the end and close: a thread that reads the socket may wait for ever."""
        self.poller.unregister(conn.sock)
        self.partial_conns.remove(conn)
        conn.sock.setblocking(True)
        conn.parser = http.get_parser(self.cfg, _no_more(), conn.client)
        conn.parser.unreader.unread(conn.buf)
        conn.data_ready = True
        conn.forget()
        self.enqueue_req(conn)

    def _flush(self) -> None:
        """Stores all that the lane took in this turn, then answers each. What could not be stored is Flask's to refuse."""
        batch, self.batch = self.batch, []
        requests = [request for _, request in batch]
        if not self._is_stored(requests):
            for conn, _ in batch:
                self._hand_over(conn)
            return
        is_stopping = not self.alive  # asked once: what the answers say of their connections must come true
        for conn, request in batch:
            is_last = request.is_last or is_stopping
            self._answer(conn, request.answer(is_last=is_last), is_last)
        self.nr += len(batch)
        self._count(requests)

    def _is_stored(self, requests: list[Request]) -> bool:
        assert self.lane is not None  # nobody else fills the batch
        try:
            return self.lane.store(requests)
        except Exception as fault:  # noqa: BLE001 - as in `_taken`; Flask stores them once more, which changes nothing
            log.get().error("lane_broke", where=log.where(fault))
            return False

    def _count(self, requests: list[Request]) -> None:
        assert self.lane is not None  # it has taken them
        try:
            self.lane.count(requests)
        except Exception as fault:  # noqa: BLE001 - they are stored and answered: a counter that breaks must not end the loop
            log.get().error("lane_broke", where=log.where(fault))

    def _answer(self, conn: Conn, answer: bytes, is_last: bool) -> None:
        self.partial_conns.remove(conn)
        conn.forget()
        self._await_next(conn)
        try:
            is_sent = conn.sock.send(answer) == len(answer)  # a fresh answer always fits into the socket's buffer
        except OSError:
            is_sent = False
        if is_last or not is_sent:
            self._drop(conn)

    def _await_next(self, conn: Conn) -> None:
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + _LINGER_S)  # as gunicorn's own stop does
        self.keepalived_conns.append(conn)

    def _refuse(self, conn: Conn, why: Problem) -> None:
        """Says no without Flask, for requests that never became whole."""
        path = conn.head.target.partition("?")[0] if conn.head else ""
        metrics.HTTP_REQUESTS.labels("(none)", method_label(conn.head.method if conn.head else ""), why.status).inc()
        self.partial_conns.remove(conn)
        with contextlib.suppress(OSError):  # who is gone shows at the parting
            conn.sock.send(problem.on_the_wire(why, path))
        self._part(conn)

    def _part(self, conn: Conn) -> None:
        """The last answer is sent. The client may still be sending, and a reset would take the answer away: it has a moment."""
        conn.buf = b""
        conn.timeout = time.monotonic() + _LINGER_S
        self.parting_conns.append(conn)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)

    def _drop(self, conn: Conn) -> None:
        for conns in (self.keepalived_conns, self.partial_conns, self.parting_conns):
            if conn in conns:
                conns.remove(conn)
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _make_room(self) -> None:
        """Crowded: who has had its last answer goes, else the request that has been arriving for the longest, else the
        connection that was idle longest."""
        for conns in (self.parting_conns, self.partial_conns, self.keepalived_conns):
            if conns:
                self._drop(conns[0])
                return


def _no_more() -> Iterator[bytes]:
    """A source that has ended. Raises NoMoreData, which closes the connection, when it is read."""
    raise NoMoreData
    yield b""


def _nothing() -> None:
    """Being called was enough."""
