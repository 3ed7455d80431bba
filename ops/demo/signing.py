"""Knows how Twilio posts: form fields and a signature over the public URL, made with Twilio's own SDK."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator


@dataclass(frozen=True)
class Post:
    """A webhook ready to be sent: body and headers."""

    body: bytes
    headers: dict[str, str]


def post(url: str, params: Mapping[str, str], token: str | None, signed_as: Mapping[str, str] | None = None) -> Post:
    """A webhook to `url` as Twilio sees it. `token` None leaves the signature out; `signed_as` signs other fields."""
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "User-Agent": "TwilioProxy/1.1"}
    if token is not None:
        headers["X-Twilio-Signature"] = RequestValidator(token).compute_signature(url, dict(signed_as or params))
    return Post(urlencode(params).encode(), headers)


def call_status(
    account_sid: str, call_sid: str, caller: str, called: str, status: str, sequence: int
) -> dict[str, str]:
    """The fields of a call's status callback, as Twilio sends them."""
    fields = {
        "AccountSid": account_sid,
        "ApiVersion": "2010-04-01",
        "CallbackSource": "call-progress-events",
        "CallSid": call_sid,
        "CallStatus": status,
        "Called": called,
        "Caller": caller,
        "Direction": "outbound-api",
        "From": caller,
        "SequenceNumber": str(sequence),
        "To": called,
    }
    return fields | ({"CallDuration": "12", "Duration": "1"} if status == "completed" else {})
