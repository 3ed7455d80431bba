"""HTTP to our subscribers: signed by Standard Webhooks, or in the platform's own words for as-call-service."""

import hmac
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from shared.domain import as_call_bodies
from shared.domain.notice_body import written
from shared.errors import Permanent, Transient

# Standard Webhooks asks for 15-30 s; the shorter end, because a worker thread waits.
_TIMEOUT: Final = (3.05, 15.0)
_ANSWER_BYTES: Final = 65_536  # what we read of an answer: an id or an error text, never a download
_POOL: Final = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """A subscriber's answer: any status, and the JSON object in its body if there was one."""

    status: int
    json: dict[str, Any]
    retry_after_s: float | None = None
    excerpt: str = ""
    aborted: bool = False

    @property
    def ok(self) -> bool:
        """2xx only: a redirect is a failure (Standard Webhooks)."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Target:
    """A subscriber: where, the secrets to sign with (the newest first), and headers of its own."""

    url: str
    secrets: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Downstream:
    """One pool of connections to everybody. Sessions are used by several threads and keep no cookies."""

    service_key: str
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(pool_connections=_POOL, pool_maxsize=_POOL))

    def post_signed(self, target: Target, *, message_id: str, document: dict[str, Any]) -> Answer:
        """Posts a notification. `message_id` stays the same over retries. Raises Transient, Permanent (bad secret)."""
        body = written(document)
        timestamp = int(time.time())
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(signature(secret, message_id, timestamp, body) for secret in target.secrets),
        }
        return self._send("POST", target.url, {**target.headers, **headers}, body)

    def post_service(self, url: str, document: dict[str, Any]) -> Answer:
        """Posts to a sibling service of the platform. Raises Transient."""
        return self._send("POST", url, self._service_headers(), as_call_bodies.written(document))

    def look_up_number(self, pns_url: str, phone_number: str) -> Answer:
        """Asks pns-provisioning-service whose number this is. Raises Transient."""
        return self._send(
            "GET", f"{pns_url}/phone-numbers/lookup/{quote(phone_number, safe='')}", self._service_headers()
        )

    def close(self) -> None:
        """Gives the connections back."""
        self.session.close()

    def _service_headers(self) -> dict[str, str]:
        return {"content-type": "application/json", "X-Service-Key": self.service_key}

    def _send(self, method: str, url: str, headers: dict[str, str], body: str | None = None) -> Answer:
        try:
            with self.session.request(
                method,
                url,
                headers=headers,
                data=body.encode() if body is not None else None,
                timeout=_TIMEOUT,
                allow_redirects=False,
                stream=True,
            ) as answer:
                text = next(answer.iter_content(_ANSWER_BYTES), b"")
                return Answer(answer.status_code, _object(text), _seconds(answer.headers.get("retry-after")))
        except requests.RequestException as fault:
            raise Transient(f"subscriber: {type(fault).__name__}") from fault


def signature(secret: str, message_id: str, timestamp: int, body: str) -> str:
    """`v1,…` over `id.timestamp.body` (Standard Webhooks). `secret` is `whsec_` and base64. Raises Permanent."""
    try:
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError as fault:
        raise Permanent("endpoint secret is not base64") from fault
    return "v1," + b64encode(hmac.digest(key, f"{message_id}.{timestamp}.{body}".encode(), "sha256")).decode()


def _object(text: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds; its date form is rare and our own schedule is as good."""
    return float(retry_after) if retry_after and retry_after.isdigit() else None
