"""HTTP to our subscribers: signed by Standard Webhooks, or in the platform's own words for as-call-service."""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from http.client import HTTPException, IncompleteRead
from typing import Any, Final
from urllib.parse import quote

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from shared.domain import as_call_bodies
from shared.domain.allow_list import AllowList
from shared.domain.endpoint_rules import checked_headers
from shared.errors import Permanent, Transient
from shared.outside import answer, standard_webhooks
from shared.outside.answer import Answer
from shared.outside.bounded import TooMuch, tls_context
from shared.outside.exchange import ROOM_BYTES, Reply, Request, exchange
from shared.outside.guard import Guard
from shared.outside.lines import Line, Lines
from shared.outside.place import parsed
from shared.outside.standard_webhooks import signature
from shared.version import VERSION

__all__ = ("Answer", "Downstream", "Target", "signature")

# Standard Webhooks asks for 15-30 s; the shorter end, because a worker thread waits. It is for everything: the name, the
# connection, TLS, and the last byte of the answer.
DEADLINE_S: Final = 15.0
_ALWAYS: Final = {
    "content-type": "application/json",
    "user-agent": f"twilio-server/{VERSION}",
    "accept-encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a notification goes. `secrets`: the newest first. `headers`: the receiver's own, beside ours."""

    url: str
    secrets: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Downstream:
    """One pool of connections to everybody, used by all threads at once.

    Every post raises Transient with one of these reasons: `timeout` (`deadline_s` is over), `unresolved`,
    `private_address` (the host has one, and `allowed` does not name it), `not_https` (the same), `connection_refused`,
    `unreachable`, `tls` (no handshake, or a certificate that does not hold), `closed_early`, `unreadable_answer` (no HTTP, or
    far too much of it). All of them may mend: a name is corrected, a certificate renewed. Raises Permanent for an address,
    a header or a secret that is none.
    """

    service_key: str
    allowed: AllowList = field(default_factory=AllowList)
    deadline_s: float = DEADLINE_S
    tls: ssl.SSLContext = field(default_factory=partial(tls_context, DEFAULT_CA_BUNDLE_PATH))
    guard: Guard = field(init=False)
    lines: Lines = field(default_factory=Lines, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "guard", Guard(self.allowed, self.tls))

    def post_signed(self, target: Target, *, message_id: str, document: dict[str, Any]) -> Answer:
        """Posts a notification. `message_id` stays the same over retries. Raises Transient, Permanent."""
        body = standard_webhooks.body_of(document)
        ours = standard_webhooks.signed(target.secrets, message_id=message_id, timestamp=int(time.time()), body=body)
        return self._send(Request("POST", *parsed(target.url), {**_checked(target.headers), **ours}, body.encode()))

    def post_service(self, url: str, document: dict[str, Any]) -> Answer:
        """Posts to a sibling service of the platform, with the platform's key. Raises Transient, Permanent.

        The key goes to hosts that the operators name (`TS_EVENT_ALLOW`): whoever may manage endpoints may not have it sent
        anywhere. Any other is Transient `not_named`: the setting may be mended.
        """
        place, path = parsed(url)
        if not self.allowed.names(place.host, place.port):
            raise Transient("not_named")
        body = as_call_bodies.written(document).encode()
        return self._send(Request("POST", place, path, self._vouched(), body, is_repeatable=False))

    def look_up_number(self, pns_url: str, phone_number: str) -> Answer:
        """Asks pns-provisioning-service whose number this is; its URL is a setting, so it may be anywhere. Raises Transient."""
        url = f"{pns_url}/phone-numbers/lookup/{quote(phone_number, safe='')}"
        return self._send(Request("GET", *parsed(url, is_trusted=True), self._vouched()))

    def close(self) -> None:
        """Gives the connections back."""
        self.lines.close()

    def _vouched(self) -> dict[str, str]:
        return {"x-service-key": self.service_key}

    def _send(self, request: Request) -> Answer:
        request = replace(request, headers={**request.headers, **_ALWAYS})
        try:
            reply = self._exchanged(request, time.monotonic() + self.deadline_s)
        except (OSError, HTTPException, TooMuch) as fault:
            raise Transient(_reason(fault)) from fault
        return answer.read(reply.status, reply.headers, reply.body)

    def _exchanged(self, request: Request, ends_at: float) -> Reply:
        """On a kept connection, or a new one. A kept one may be closed by its other end at the very moment: then the request
        goes out once more on a new one, if not a byte of an answer had come and twice is once.
        """
        line = self.lines.take(request.place)
        if line is not None:
            line.begin(ends_at, ROOM_BYTES)
            try:
                return self._on(line, request)
            except (ConnectionError, ssl.SSLError):
                if line.has_received or not request.is_repeatable:
                    raise
        return self._on(self.guard.connected(request.place, ends_at, ROOM_BYTES), request)

    def _on(self, line: Line, request: Request) -> Reply:
        try:
            reply = exchange(line, request)
        except BaseException:
            line.close()
            raise
        if reply.is_whole:
            self.lines.keep(request.place, line)
        else:
            line.close()
        return reply


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    """They were checked when they were stored; but what decides whom we speak for is not taken on trust."""
    try:
        return checked_headers(headers)
    except ValueError as fault:
        raise Permanent("bad_headers") from fault


def _reason(fault: Exception) -> str:
    """A short word that stays the same, for rows, metrics and people."""
    match fault:
        case TimeoutError():
            return "timeout"
        case ConnectionRefusedError():
            return "connection_refused"
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ConnectionError() | IncompleteRead():
            return "closed_early"
        case ssl.SSLError():
            return "tls"
        case OSError():
            return "unreachable"
        case _:
            return "unreadable_answer"
