"""`python -m ops.twilio_sim.bench`: how many creates a second the simulator takes, and what each costs it in CPU.

With `--calls` it is calls instead: so many people ring at once, are forwarded, whispered to, accepted, talk, hang up.
The simulator runs as a process of its own; clients and the receiver of its webhooks live here, so that its CPU
time is its own. Clients keep their connections where the simulator lets them.
"""

import argparse
import http.client
import os
import socketserver
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import urlencode

from ops.twilio_sim.bench_calls import bench_calls, cpu_s

SID, TOKEN = "AC" + "0b" * 16, "a-token-for-the-bench"
ACCOUNT = f"/2010-04-01/Accounts/{SID}"
SIGNED = {"Authorization": "Basic " + b64encode(f"{SID}:{TOKEN}".encode()).decode()}
FORM = SIGNED | {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
SENDERS = 20
SETTLES_S = 60.0  # how long the callbacks of the last create may take to arrive


def main(argv: list[str] | None = None) -> int:
    wishes = _parser().parse_args(argv)
    receiver = Receiver()
    process, port = _simulator(wishes.speed)
    try:
        if wishes.calls:
            return bench_calls(port, process.pid, wishes.calls, wishes.talk_s)
        _prepare(port, wishes)
        print(f"{wishes.creates} creates by {wishes.clients} clients, callbacks {'on' if wishes.callbacks else 'off'}")
        _creates(process.pid, port, wishes, receiver)
        _lists(process.pid, port, wishes)
    finally:
        process.terminate()
        process.wait(10)
    return 0


class Receiver:
    """Answers 204 to every callback and counts them."""

    def __init__(self) -> None:
        self.count = 0
        receiver = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                got = b""
                while b"MessageStatus" not in got and (more := self.request.recv(65536)):
                    got += more
                self.request.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                receiver.count += 1

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, request_queue_size = True, 1024

        server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}/status"
        threading.Thread(target=server.serve_forever, daemon=True).start()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops.twilio_sim.bench", description=__doc__)
    parser.add_argument("--creates", type=int, default=3000)
    parser.add_argument("--clients", type=int, default=8, help="connections that create at the same time")
    parser.add_argument("--lists", type=int, default=200, help="lists by To, once everything is created")
    parser.add_argument("--calls", type=int, default=0, help="calls at once, in place of texts")
    parser.add_argument("--speed", type=float, default=1.0, help="world seconds in a real second")
    parser.add_argument("--talk-s", type=float, default=10.0, help="how long each conversation lasts")
    parser.add_argument("--callbacks", action=argparse.BooleanOptionalAction, default=True)
    return parser


def _simulator(speed: float) -> tuple["subprocess.Popen[str]", int]:
    known = {"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": TOKEN}
    process = subprocess.Popen(
        [sys.executable, "-m", "ops.twilio_sim", "--bind", "127.0.0.1:0", "--seed", "1", "--speed", str(speed)],
        env=os.environ | known, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    return process, int(process.stdout.readline().rsplit(":", 1)[1])


def _prepare(port: int, wishes: argparse.Namespace) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port)
    for sender in range(SENDERS):
        _ask(line, "PUT", f"/sim/numbers/{_sender(sender)}", '{"segments_per_s": 10000}', JSON)
    _ask(line, "POST", "/sim/settings", '{"message_step_s": 0.2}', JSON)


def _sender(number: int) -> str:
    return f"+1415555{number % SENDERS:04d}"


def _creates(pid: int, port: int, wishes: argparse.Namespace, receiver: Receiver) -> None:
    def create(line: http.client.HTTPConnection, number: int) -> None:
        form = {"To": _recipient(number), "From": _sender(number), "Body": f"A text of usual length, number {number}."}
        if wishes.callbacks:
            form["StatusCallback"] = f"{receiver.url}?message_id={number}"
        _ask(line, "POST", f"{ACCOUNT}/Messages.json", urlencode(form), FORM, 201)

    before_s, began = cpu_s(pid), time.monotonic()
    _together(port, wishes.clients, wishes.creates, create)
    took_s = time.monotonic() - began
    _wait_for_callbacks(receiver, 2 * wishes.creates if wishes.callbacks else 0)
    cpu_ms = 1000 * (cpu_s(pid) - before_s) / wishes.creates
    print(f"creates: {wishes.creates / took_s:.0f}/s, {cpu_ms:.2f} ms of CPU each, {receiver.count} callbacks")


def _lists(pid: int, port: int, wishes: argparse.Namespace) -> None:
    def listed(line: http.client.HTTPConnection, number: int) -> None:
        query = urlencode({"To": _recipient(number), "From": _sender(number), "PageSize": "50"})
        _ask(line, "GET", f"{ACCOUNT}/Messages.json?{query}", "", SIGNED)

    before_s, began = cpu_s(pid), time.monotonic()
    _together(port, 1, wishes.lists, listed)
    took_s, cpu_ms = time.monotonic() - began, 1000 * (cpu_s(pid) - before_s) / max(1, wishes.lists)
    print(f"lists by To and From: {wishes.lists / took_s:.0f}/s, {cpu_ms:.2f} ms of CPU each")


def _recipient(number: int) -> str:
    return f"+1212{2000000 + number}"


def _together(port: int, clients: int, count: int, work: Callable[[http.client.HTTPConnection, int], None]) -> None:
    def run(first: int) -> None:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for number in range(first, count, clients):
            work(line, number)

    threads = [threading.Thread(target=run, args=(first,)) for first in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _ask(
    line: http.client.HTTPConnection, method: str, path: str, body: str, headers: dict[str, str], status: int = 200
) -> None:
    line.request(method, path, body.encode() if body else None, headers)
    answer = line.getresponse()
    got = answer.read()
    if answer.status != status:
        raise RuntimeError(f"{method} {path}: {answer.status} {got[:200]!r}")


def _wait_for_callbacks(receiver: Receiver, count: int) -> None:
    deadline = time.monotonic() + SETTLES_S
    while receiver.count < count and time.monotonic() < deadline:
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
