"""The load generator: one thread, one epoll, requests that were made before. It counts every answer by its status."""

import gc
import select
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from ops.benchmarks.line import LOST, Address, Line

# Whoever has not answered by then has not answered: Twilio itself gives up after 15 s.
PATIENCE_S: Final = 15.0
_SOON_S: Final = 1.0
_NS: Final = 1_000_000_000


@dataclass
class Answers:
    """What came back. Latencies in ns from the moment a request was due, in the order of the answers."""

    statuses: Counter[int] = field(default_factory=Counter)
    took_ns: list[int] = field(default_factory=list)
    elapsed_s: float = 0.0
    cpu_s: float = 0.0
    """What the generator itself has used of one core meanwhile."""
    began_at_ns: int = 0
    """Wall clock at the start, ns since 1970: other programs write theirs."""

    @property
    def acks(self) -> int:
        """How many were answered with 2xx."""
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300)

    @property
    def is_clean(self) -> bool:
        """Every request was answered with 2xx."""
        return bool(self.statuses) and self.acks == self.statuses.total()

    @property
    def rate(self) -> float:
        """Answers with 2xx a second."""
        return self.acks / self.elapsed_s if self.elapsed_s else 0.0


class Generator:
    """A number of kept connections to one server, and the requests that are left to be sent.

    `holds` is what every answer must hold, or it does not count as one.
    """

    def __init__(self, address: Address, connections: int, requests: Sequence[bytes], holds: bytes = b"") -> None:
        self.requests, self.sent = requests, 0
        self.lines = [Line(address, holds) for _ in range(connections)]
        self._epoll = select.epoll()
        self._by_fd: dict[int, Line] = {}
        for line in self.lines:
            self._watch(line)

    def close(self) -> None:
        """End all connections."""
        for line in self.lines:
            line.close()
        self._epoll.close()

    def closed(self, seconds: float) -> Answers:
        """Every connection sends its next request as soon as it has an answer: what the server can take at most.

        Ends early when all requests are used.
        """
        with self._measured() as answers:
            start = time.perf_counter_ns()
            end = start + int(seconds * _NS)
            for line in self.lines[: len(self.requests) - self.sent]:
                self._send(line, time.perf_counter_ns())
            under_way = sum(1 for line in self.lines if line.due_ns)
            while under_way:
                now = start
                for line, status in self._answered(end + int(PATIENCE_S * _NS)):
                    now = time.perf_counter_ns()
                    self._note(answers, line, status, now)
                    if now < end and self.sent < len(self.requests):
                        self._send(line, now)
                    else:
                        under_way -= 1
            answers.elapsed_s = (time.perf_counter_ns() - start) / _NS
        return answers

    def paced(self, count: int, rate: float) -> Answers:
        """`count` requests, `rate` a second, whether or not the server keeps up. One that finds no free connection waits,
        and its wait counts.
        """
        with self._measured() as answers:
            start = time.perf_counter_ns()
            step, first = _NS / rate, self.sent
            count = min(count, len(self.requests) - first)
            idle, under_way = deque(self.lines), 0
            give_up = start + int(count * step + PATIENCE_S * _NS)
            while self.sent < first + count or under_way:
                now = time.perf_counter_ns()
                if now > give_up and self.sent < first + count:
                    answers.statuses[LOST] += first + count - self.sent  # a server so far behind has failed them
                    count = self.sent - first
                due = start + int((self.sent - first) * step)
                while self.sent < first + count and due <= now and idle:
                    self._send(idle.popleft(), due)
                    under_way += 1
                    due = start + int((self.sent - first) * step)
                wants_to_send = self.sent < first + count and idle
                for line, status in self._answered(due if wants_to_send else now + int(PATIENCE_S * _NS)):
                    self._note(answers, line, status, time.perf_counter_ns())
                    idle.append(line)
                    under_way -= 1
            answers.elapsed_s = (time.perf_counter_ns() - start) / _NS
        return answers

    def _send(self, line: Line, due_ns: int) -> None:
        if not line.is_open:
            line.open()
            self._watch(line)
        line.due_ns, line.number = due_ns, self.sent
        request = self.requests[self.sent]
        self.sent += 1
        try:
            line.socket.send(request)
        except OSError:
            # The server has closed it while it was idle. Its end is read like that of any other lost connection.
            line.close()

    def _answered(self, until_ns: int) -> Iterator[tuple[Line, int]]:
        """The answers that are there, waiting for the first until `until_ns`. Whoever is silent for PATIENCE_S is lost."""
        gone = [line for line in self.lines if line.due_ns and not line.is_open]
        if gone:
            yield from ((line, LOST) for line in gone)
            return
        wait_s = min(PATIENCE_S / 4, max(0.0, (until_ns - time.perf_counter_ns()) / _NS))
        # epoll waits for whole milliseconds, select() for microseconds: that matters before something is due.
        is_soon = wait_s < _SOON_S
        is_silent = is_soon and not select.select([self._epoll], [], [], wait_s)[0]
        ready = [] if is_silent else self._epoll.poll(0 if is_soon else wait_s)
        if not ready:
            yield from self._silent(time.perf_counter_ns())
        for number, _ in ready:
            line = self._by_fd[number]
            status = line.receive()
            # An idle connection that the server closes is opened again by its next request.
            if status is not None and line.due_ns:
                yield line, status

    def _silent(self, now: int) -> Iterator[tuple[Line, int]]:
        for line in self.lines:
            if line.due_ns and now - line.due_ns > PATIENCE_S * _NS:
                line.close()
                yield line, LOST

    def _note(self, answers: Answers, line: Line, status: int, now: int) -> None:
        answers.took_ns.append(now - line.due_ns)
        answers.statuses[status] += 1
        line.due_ns = 0

    def _watch(self, line: Line) -> None:
        self._epoll.register(line.socket, select.EPOLLIN)
        self._by_fd[line.socket.fileno()] = line

    @contextmanager
    def _measured(self) -> Iterator[Answers]:
        """No collection of garbage while the clock runs: there is none."""
        answers = Answers(began_at_ns=time.time_ns())
        used = time.process_time()
        gc.collect()
        gc.disable()
        try:
            yield answers
        finally:
            gc.enable()
            answers.cpu_s = time.process_time() - used
