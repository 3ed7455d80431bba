"""One request and its answer on one connection: HTTP/1.1 (RFC 9112), read by http.client, and nothing beyond it.

No redirect is followed, no cookie kept, no body unpacked.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import BadStatusLine, HTTPException, HTTPResponse, IncompleteRead
from typing import Final

from shared.outside.lines import Line
from shared.outside.place import Place

BODY_BYTES: Final = 65_536  # what we read of an answer: an id or an error text, never a download
# Of a whole answer: as much again for the head, which http.client alone would let grow to 6 MiB, and for the framing.
ROOM_BYTES: Final = 2 * BODY_BYTES
_FIRST_FINAL: Final = 200


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, whole. Names and values of headers are those of ours, or were checked.

    `is_repeatable`: taken twice it is taken for one, because of its id or because it only asks.
    """

    method: str
    place: Place
    asked: str
    headers: Mapping[str, str]
    body: bytes | None = None
    is_repeatable: bool = True

    def __bytes__(self) -> bytes:
        lines = [f"{self.method} {self.asked} HTTP/1.1", f"host: {self.place.authority}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.body is not None:
            lines.append(f"content-length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (self.body or b"")


@dataclass(frozen=True, slots=True)
class Reply:
    """`headers`: names in small letters. `is_whole`: the connection may be used again."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool


def exchange(line: Line, request: Request) -> Reply:
    """Raises OSError, HTTPException, bounded.TooMuch. A body is read up to BODY_BYTES; a shorter one must be complete."""
    with suppress(BrokenPipeError, ConnectionResetError):  # it may have said why, and closed without reading the rest
        line.sendall(bytes(request))
    with HTTPResponse(line, method=request.method) as answer:  # type: ignore[arg-type]
        _begin(line, answer)
        body = _body(answer)
        is_whole = answer.isclosed() and not answer.will_close
        return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, body, is_whole)


def _begin(line: Line, answer: HTTPResponse) -> None:
    """Reads the head, all of it: http.client takes the end of the connection for the end of the head, too."""
    try:
        answer.begin()
    except BadStatusLine:
        if not line.has_ended:
            raise
    if line.has_ended:
        raise ConnectionResetError
    if answer.status < _FIRST_FINAL:  # 101, 103: what follows would be taken for the next answer
        raise HTTPException


def _body(answer: HTTPResponse) -> bytes:
    try:
        body = answer.read(BODY_BYTES)
    except ValueError as fault:  # a chunk of negative size
        raise HTTPException from fault
    if answer.length and len(body) < BODY_BYTES:
        raise IncompleteRead(body, answer.length)
    return body
