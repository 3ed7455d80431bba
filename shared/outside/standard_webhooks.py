"""Standard Webhooks: how a notification is signed. Source: standard-webhooks/standard-webhooks, spec/standard-webhooks.md."""

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

from shared.errors import Permanent


def body_of(document: dict[str, Any]) -> str:
    """The text that is signed and sent.

    The specification asks for less than 20 kB. A longer one is sent all the same: an event that is left out is lost, and
    receivers take a megabyte. What grows without end is not in notifications in the first place: they name a recording, and
    do not hold it.
    """
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def signed(secrets: Sequence[str], *, message_id: str, timestamp: int, body: str) -> dict[str, str]:
    """The three headers; a signature for each secret, the newest first, so that either verifies while one is rotated.

    `timestamp`: seconds since 1970, of this attempt. Raises Permanent.
    """
    if not secrets:
        raise Permanent("endpoint has no secret")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(secret, message_id, timestamp, body) for secret in secrets),
    }


def signature(secret: str, message_id: str, timestamp: int, body: str) -> str:
    """`v1,…` over `id.timestamp.body`. `secret` is `whsec_` and base64. Raises Permanent."""
    try:
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError as fault:
        raise Permanent("endpoint secret is not base64") from fault
    return "v1," + b64encode(hmac.digest(key, f"{message_id}.{timestamp}.{body}".encode(), "sha256")).decode()
