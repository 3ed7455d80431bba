"""The hot lane: plain, signed webhooks are answered in gunicorn's event loop, many with one fsync and one call to Redis.

The lane can only say yes. Whatever is not a plain webhook with a good signature, and whatever cannot be stored, is left to
Flask with its bytes, so every refusal is decided, worded, counted and logged in one place; switching the lane off changes
speed only. Verifier, names, answers and stores are the same functions both ways, and a test sends everything through both.
"""

import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Final, NamedTuple

from ingress import desk, inbox, request_id
from ingress.context import IngressRuntime
from ingress.desk import Reply
from ingress.http_head import Head
from ingress.twilio_guard import Asked, Refused, judge
from shared import log, metrics
from shared.domain.event import Event
from shared.errors import NotStored

# A path that Flask routes as it is written: no percent sign to decode, no slash to merge.
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_-]+)+")
# A client that names its own request, proxies that speak other dialects, bodies in another coding: Flask knows.
_NOT_OURS: Final = frozenset({"x-request-id", "x-forwarded-ssl", "x-forwarded-protocol", "content-encoding"})
_XML: Final = "Content-Type: text/xml; charset=utf-8\r\n"


class Request(NamedTuple):
    """A webhook the lane has said yes to: what is stored, and what is answered once it is."""

    event: Event
    reply: Reply
    route: str
    is_last: bool

    def answer(self, *, is_last: bool) -> bytes:
        """The whole response."""
        connection = "close" if is_last else "keep-alive"
        head = (
            f"{_date_line(int(time.time()))}Connection: {connection}\r\n{request_id.HEADER}: {self.event.event_id}\r\n"
        )
        if self.reply.document is None:
            return f"HTTP/1.1 204 NO CONTENT\r\n{head}\r\n".encode()
        body = self.reply.document.encode()
        return f"HTTP/1.1 200 OK\r\n{head}{_XML}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Lane:
    """The plain case of one process. Used by its event loop only."""

    def __init__(self, rt: IngressRuntime) -> None:
        self._rt = rt
        self._counts: dict[tuple[str, str], Counts] = {}

    def take(self, head: Head, body: bytes, peer: str) -> Request | None:
        """Yes, or None: somebody else's request. Never raises on what a client sent."""
        path, _, _ = head.target.partition("?")
        if head.method != "POST" or not _PATH.fullmatch(path):
            return None
        door = desk.door_of(path)
        headers = head.headers
        if door is None or not _NOT_OURS.isdisjoint(headers):
            return None
        asked = Asked(
            method="POST",
            target=head.target,
            content_type=headers.get("content-type", ""),
            body=body,
            signature=headers.get("x-twilio-signature", ""),
            signature_settings=headers.get("x-twilio-webhooks-signature-settings", ""),
            token=headers.get("i-twilio-idempotency-token", ""),
            peer=peer,
            forwarded_proto=headers.get("x-forwarded-proto", ""),
            forwarded_host=headers.get("x-forwarded-host", ""),
            forwarded_prefix=headers.get("x-forwarded-prefix", ""),
        )
        try:
            posted = judge(asked, self._rt.policy)
        except Refused:
            return None
        reply = desk.reply(self._rt, door, posted)
        return Request(inbox.event(posted, reply), reply, desk.route_of(path), head.is_last)

    def store(self, requests: Sequence[Request]) -> bool:
        """Stores what one turn of the loop has brought. False: nothing may be answered."""
        try:
            self._rt.intake.store([request.event for request in requests])
        except NotStored:
            return False
        return True

    def count(self, requests: Sequence[Request]) -> None:
        """One turn is one moment for all it has answered: they wait for each other, and the slowest's time is theirs."""
        took_s = (time.time_ns() - min(request.event.received_ns for request in requests)) / 1e9
        alike = Counter((request.event.kind, request.route, request.reply.document is None) for request in requests)
        for (kind, route, is_empty), count in alike.items():
            self._counts_of(kind, route, 204 if is_empty else 200).count(took_s, count)
        metrics.LANE_ANSWERS.inc(len(requests))
        duration_s = round(took_s, 5)
        log.info_each(
            "webhook_accepted",
            [
                {"kind": event.kind, "key": event.key, "event_id": event.event_id, "duration_s": duration_s}
                for event in (request.event for request in requests)
            ],
        )

    def _counts_of(self, kind: str, route: str, status: int) -> "Counts":
        counts = self._counts.get((kind, route))
        if counts is None:
            counts = self._counts[kind, route] = Counts.of(kind, route, status)
        return counts


@dataclass(frozen=True, slots=True)
class Counts:
    """The metrics of one kind at one route, looked up once."""

    accepted: Any
    requests: Any
    ack: Any
    seconds: Any

    @classmethod
    def of(cls, kind: str, route: str, status: int) -> "Counts":
        """As `observe` counts Flask's."""
        return cls(
            metrics.WEBHOOKS.labels(kind, "accepted"),
            metrics.HTTP_REQUESTS.labels(route, "POST", status),
            metrics.WEBHOOK_ACK.labels(kind),
            metrics.HTTP_SECONDS.labels(route),
        )

    def count(self, took_s: float, count: int) -> None:
        """So many webhooks answered."""
        self.accepted.inc(count)
        self.requests.inc(count)
        metrics.observe_many(self.ack, took_s, count)
        metrics.observe_many(self.seconds, took_s, count)


_dated: tuple[int, str] = (0, "")


def _date_line(now_s: int) -> str:
    """Server and date, written once a second."""
    global _dated
    if _dated[0] != now_s:
        _dated = (now_s, f"Server: gunicorn\r\nDate: {formatdate(now_s, usegmt=True)}\r\n")
    return _dated[1]
