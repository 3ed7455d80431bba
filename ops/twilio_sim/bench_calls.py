"""Whole lives of calls for the bench: forwarded with a whisper, accepted, recorded, every status told."""

import http.client
import json
import os
import socketserver
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BUSINESS, OWNER = "+14155550100", "+14155550199"
JSON = {"Content-Type": "application/json"}
# What one life asks for, by path: the last status callback is that of the caller's own call.
ASKED = {"/voice": 1, "/whisper": 1, "/accept": 1, "/dial": 1, "/leg": 2, "/amd": 1, "/status": 1, "/recorded": 2}
TWIML = {
    "/voice": '<Response><Dial action="/dial" timeout="20" answerOnBridge="true" record="record-from-answer-dual" '
    'recordingStatusCallback="/recorded" recordingStatusCallbackEvent="in-progress completed absent">'
    '<Number url="/whisper" statusCallback="/leg" statusCallbackEvent="answered completed" machineDetection="Enable" '
    f'amdStatusCallback="/amd">{OWNER}</Number></Dial></Response>',
    "/whisper": '<Response><Gather action="/accept" numDigits="1"><Say>Press 1.</Say></Gather><Hangup/></Response>',
    "/accept": "<Response/>",
    "/dial": "<Response><Hangup/></Response>",
}
PLACED_WITHIN_S, SETTLES_S = 120.0, 60.0


class Switchboard:
    """Stands where the service would: answers TwiML and 204, and counts what was asked, in one process of threads."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self._changed = threading.Condition()
        switchboard = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                path = urlsplit(self.rfile.readline().split(b" ")[1].decode()).path
                size = 0
                while (line := self.rfile.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        size = int(line.split(b":")[1])
                self.rfile.read(size)
                self.wfile.write(_answer(TWIML.get(path, "")))
                switchboard._note(path)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, request_queue_size = True, 1024

        server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def wait_for(self, path: str, count: int, within_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.asked[path] >= count, within_s)

    def _note(self, path: str) -> None:
        with self._changed:
            self.asked[path] += 1
            self._changed.notify_all()


def bench_calls(port: int, pid: int, calls: int, talk_s: float) -> int:
    """Prints what it found; 1 when a webhook of any life did not come."""
    switchboard = Switchboard()
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    _ask(line, "PUT", f"/sim/numbers/{BUSINESS}", {
        "voice_url": switchboard.url + "/voice", "status_callback": switchboard.url + "/status",
    })  # fmt: skip
    _ask(line, "PUT", f"/sim/phones/{OWNER}", {"digits": "1", "answer_after_s": 2, "talk_s": talk_s})
    before_s, began = cpu_s(pid), time.monotonic()
    for number in range(calls):
        _ask(line, "POST", "/sim/calls", {"from": f"+1212{2000000 + number}", "to": BUSINESS})
    placed_s = time.monotonic() - began
    switchboard.wait_for("/whisper", calls, PLACED_WITHIN_S)
    at_once, whispered_s = _alive(line), time.monotonic() - began
    switchboard.wait_for("/status", calls, talk_s + SETTLES_S)
    took_s = time.monotonic() - began
    for path, count in ASKED.items():
        switchboard.wait_for(path, count * calls, SETTLES_S)
    cpu_ms = 1000 * (cpu_s(pid) - before_s) / calls
    missing = {
        path: calls * n - switchboard.asked[path] for path, n in ASKED.items() if switchboard.asked[path] < calls * n
    }
    print(
        f"{calls} calls placed in {placed_s:.1f} s, {at_once} alive when the last was picked up after {whispered_s:.1f} s"
    )
    print(f"all over after {took_s:.1f} s (each lasts {talk_s + 3:.0f}), {calls / took_s:.0f} whole lives a second")
    print(f"{cpu_ms:.1f} ms of CPU each, {sum(ASKED.values())} webhooks each, missing: {missing or 'none'}")
    return 1 if missing else 0


def cpu_s(pid: int) -> float:
    """User and system time of the process so far (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _alive(line: http.client.HTTPConnection) -> int:
    return sum(call["status"] in ("ringing", "in-progress") for call in _ask(line, "GET", "/sim/calls")["data"])


def _ask(line: http.client.HTTPConnection, method: str, path: str, wishes: dict[str, Any] | None = None) -> Any:
    line.request(method, path, json.dumps(wishes).encode() if wishes else None, JSON)
    answer = line.getresponse()
    got = answer.read()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {got[:200]!r}")
    return json.loads(got)


def _answer(twiml: str) -> bytes:
    if not twiml:
        return b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {len(twiml)}\r\nConnection: close\r\n\r\n"
    return (head + twiml).encode()
