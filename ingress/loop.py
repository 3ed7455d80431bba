"""gunicorn's threaded worker, with patience: requests are read in its event loop, and a thread gets whole ones only.

gthread hands every new connection to a thread, which then waits for the client: forty slow clients stop it dead. Here
they wait in the loop and cost a few kilobytes each. A request that is whole goes to the hot lane if that knows it, or
with its bytes to the pool and so to Flask, by gunicorn's own parser.
"""

import contextlib
import selectors
import socket
import time
from collections.abc import Iterator
from functools import partial
from typing import Any, Final
from uuid import uuid4

from gunicorn import http
from gunicorn.workers.gthread import TConn, ThreadWorker

from ingress import http_head, problem
from ingress.http_head import Head
from ingress.lane import Lane, Request
from ingress.limits import MOST_BODY_BYTES, MOST_HEAD_BYTES, REQUEST_S
from ingress.problem import Problem
from shared import log, metrics

_READ_BYTES: Final = 65536
_ACCEPTS_A_TURN: Final = 16  # both workers wait on one listener: who takes all leaves the other idle
_LINGER_S: Final = 2.0  # for a refused client to read its answer before the connection is reset
# When this share of the connections is taken, those that have shown least make room for new ones.
_CROWDED: Final = 0.9
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_TOO_LARGE: Final = Problem(413, "content-too-large", "The request is too large", f"At most {MOST_BODY_BYTES} bytes.")
_HEAD_TOO_LARGE: Final = Problem(431, "head-too-large", "The head is too large", f"At most {MOST_HEAD_BYTES} bytes.")
_TOO_SLOW: Final = Problem(408, "too-slow", "The request did not come", f"A request has {REQUEST_S:g} s to arrive.")


class Conn(TConn):
    """A connection with what has come of its next request."""

    timeout: Any
    """Monotonic seconds: until then it may be idle, or its request under way."""
    client: Any
    parser: Any

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.buf = b""
        self.head_end = -1
        self.head: Head | None = None
        self.is_refused = self.has_leave = False
        self.set_timeout()


class Conns:
    """Connections in the order they came in, as gunicorn's deque of them, but any one leaves at no cost."""

    def __init__(self) -> None:
        self._conns: dict[Conn, None] = {}

    def append(self, conn: Conn) -> None:
        """Puts it last."""
        self._conns[conn] = None

    def remove(self, conn: Conn) -> None:
        """Raises KeyError."""
        del self._conns[conn]

    def popleft(self) -> Conn:
        """Raises StopIteration when there is none."""
        conn = next(iter(self._conns))
        del self._conns[conn]
        return conn

    def __getitem__(self, _first: int) -> Conn:
        return next(iter(self._conns))

    def __contains__(self, conn: object) -> bool:
        return conn in self._conns

    def __iter__(self) -> Iterator[Conn]:
        return iter(self._conns)

    def __len__(self) -> int:
        return len(self._conns)


class PatientWorker(ThreadWorker):
    """The ingress's worker class. `lane` is None when it is switched off: then every whole request is Flask's."""

    lane: Lane | None = None

    def init_process(self) -> None:
        """After the fork, before the application is loaded."""
        self.keepalived_conns: Any = Conns()  # nothing has come of their next request
        self.partial_conns = Conns()  # a part has
        self.batch: list[tuple[Conn, Request]] = []
        super().init_process()

    def load_wsgi(self) -> None:
        """The application brings the Runtime, and with it the lane."""
        super().load_wsgi()
        self.lane = getattr(self.wsgi, "extensions", {}).get("hot_lane")

    def accept(self, listener: Any) -> None:
        """Takes new connections into the loop."""
        for _ in range(_ACCEPTS_A_TURN):
            try:
                sock, client = listener.accept()
            except OSError:  # nobody there any more, or no descriptor left: the next turn tries again
                return
            with contextlib.suppress(OSError):  # a unix socket has no such option
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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
        elif not conn.is_refused:
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
        while self.partial_conns and self.partial_conns[0].timeout <= now:
            conn = self.partial_conns[0]
            self._drop(conn) if conn.is_refused else self._refuse(conn, _TOO_SLOW)
        super().murder_pending()

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
            if conn.head_end < 0:
                if len(buf) > MOST_HEAD_BYTES:
                    self._refuse(conn, _HEAD_TOO_LARGE)
                return
            conn.head = http_head.read(buf[: conn.head_end])
        start = conn.head_end + len(http_head.END)
        if conn.head is None:
            self._look_at_odd(conn, buf[: conn.head_end], start)
        elif conn.head.length > MOST_BODY_BYTES:
            self._refuse(conn, _TOO_LARGE)
        elif len(buf) >= start + conn.head.length:
            self._take(conn, conn.head, start)

    def _look_at_odd(self, conn: Conn, raw: bytes, start: int) -> None:
        if len(conn.buf) - start > MOST_BODY_BYTES or http_head.body_looks_whole(raw, conn.buf[start:]):
            self._hand_over(conn)
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

    def _is_stored(self, requests: list[Request]) -> bool:
        assert self.lane is not None  # nobody else fills the batch
        try:
            return self.lane.store(requests)
        except Exception as fault:  # noqa: BLE001 - as above; Flask stores them once more, which changes nothing
            log.get().error("lane_broke", where=log.where(fault))
            return False

    def _hand_over(self, conn: Conn) -> None:
        """To the pool: gunicorn's parser reads the same bytes again."""
        self.poller.unregister(conn.sock)
        self.partial_conns.remove(conn)
        conn.sock.setblocking(True)
        if conn.parser is None:
            conn.parser = http.get_parser(self.cfg, conn.sock, conn.client)
        conn.parser.unreader.unread(conn.buf)
        conn.data_ready = True
        _forget(conn)
        self.enqueue_req(conn)

    def _flush(self) -> None:
        """Stores all that the lane took in this turn, then answers each. What could not be stored is Flask's to refuse."""
        batch, self.batch = self.batch, []
        if not self._is_stored([request for _, request in batch]):
            for conn, _ in batch:
                self._hand_over(conn)
            return
        is_stopping = not self.alive  # asked once: what the answers say of their connections must come true
        for conn, request in batch:
            is_last = request.is_last or is_stopping
            self._answer(conn, request.answer(is_last=is_last), is_last)
        self.nr += len(batch)

    def _answer(self, conn: Conn, answer: bytes, is_last: bool) -> None:
        self.partial_conns.remove(conn)
        self.keepalived_conns.append(conn)
        _forget(conn)
        conn.set_timeout()
        try:
            is_sent = conn.sock.send(answer) == len(answer)  # a fresh answer always fits into the socket's buffer
        except OSError:
            is_sent = False
        if is_last or not is_sent:
            self._drop(conn)

    def _refuse(self, conn: Conn, why: Problem) -> None:
        """Says no without Flask, for requests that never became whole. The client may still be sending: it has a moment."""
        path = conn.head.target.partition("?")[0] if conn.head else ""
        answer = problem.answer(why, path, uuid4().hex)
        body = answer.get_data()
        metrics.HTTP_REQUESTS.labels("(none)", conn.head.method if conn.head else "", why.status).inc()
        lines = [
            f"HTTP/1.1 {answer.status}",
            f"Content-Type: {answer.content_type}",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        conn.buf, conn.is_refused = b"", True
        conn.timeout = time.monotonic() + _LINGER_S
        self.partial_conns.remove(conn)
        self.partial_conns.append(conn)
        try:
            conn.sock.send("\r\n".join([*lines, "", ""]).encode() + body)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)

    def _drop(self, conn: Conn) -> None:
        for conns in (self.keepalived_conns, self.partial_conns):
            if conn in conns:
                conns.remove(conn)
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _make_room(self) -> None:
        """Crowded: the request that has been arriving for the longest goes, else the connection that was idle longest."""
        for conns in (self.partial_conns, self.keepalived_conns):
            if conns:
                self._drop(conns[0])
                return


def _forget(conn: Conn) -> None:
    """The next request begins with nothing."""
    conn.buf, conn.head_end, conn.head, conn.has_leave = b"", -1, None, False
