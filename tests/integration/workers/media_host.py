"""A host of media, real HTTP on loopback: it answers what a test tells it, and notes who asked."""

import io
import math
import wave
from array import array
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


def wav(seconds: float, rate: int = 8000, channels: int = 1) -> io.BytesIO:
    """A tone, so that a waveform has something to show."""
    out = io.BytesIO()
    with wave.open(out, "wb") as audio:
        audio.setnchannels(channels)
        audio.setsampwidth(2)
        audio.setframerate(rate)
        tone = [int(20_000 * math.sin(n / 7)) for n in range(int(seconds * rate)) for _ in range(channels)]
        audio.writeframes(array("h", tone).tobytes())
    out.seek(0)
    return out


def mp3(seconds: float) -> bytes:
    """MPEG 2 layer III, 22 050 Hz, 32 kbit/s, mono: an ID3 tag, Xing's frame, then silence."""
    header, size, side = bytes([0xFF, 0xF3, 0x40, 0xC0]), 72 * 32_000 // 22_050, 9
    frame = header + bytes(size - 4)
    xing = header + bytes(side) + b"Xing" + bytes(size - 8 - side)
    return b"ID3\x04\0\0\0\0\0\x05hello" + xing + frame * round(seconds * 22_050 / 576)


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    authorization: str | None

    @property
    def credentials(self) -> str:
        """`name:password` of its basic authorization."""
        return b64decode((self.authorization or "").removeprefix("Basic ")).decode()


@dataclass(frozen=True)
class _Answer:
    body: bytes = b""
    status: int = 200
    content_type: str = "audio/x-wav"
    length: int | None = None  # what it claims, in place of the truth
    location: str = ""
    drop: bool = False  # hangs up without a word
    hang_after: int | None = None  # sends so many bytes, then nothing until the host is closed
    drips: bool = False  # a byte now and then, for as long as somebody listens
    path: str = ""  # for this path only
    query: str = ""  # only if the address contains it


class MediaHost:
    """`url`, what was `asked`, and `answers(...)`: the last one that fits is given, however often."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: list[_Answer] = [_Answer(status=404)]
        self._over = Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def answers(self, body: bytes = b"", **more: Any) -> None:
        """From now on, with the fields of `_Answer`."""
        self._answers.append(_Answer(body, **more))

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def _for(self, path: str) -> _Answer:
        fitting = [each for each in self._answers[::-1] if each.path in ("", path) and each.query in path]
        return max(fitting, key=lambda each: bool(each.path or each.query))

    def _drip(self, write: Callable[[bytes], object], body: bytes) -> None:
        for byte in body:
            if self._over.wait(0.02):
                return
            write(bytes([byte]))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append(Asked(self.path, self.headers.get("authorization")))
                answer = host._for(self.path)
                if answer.drop:
                    return
                self.send_response(answer.status)
                self.send_header("content-type", answer.content_type)
                self.send_header("content-length", str(len(answer.body) if answer.length is None else answer.length))
                if answer.location:
                    self.send_header("location", answer.location)
                self.end_headers()
                if answer.drips:
                    host._drip(self.wfile.write, answer.body)
                self.wfile.write(answer.body[: answer.hang_after])
                if answer.hang_after is not None:
                    host._over.wait(30)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
