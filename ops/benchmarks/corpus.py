"""Signed webhooks as bytes, made before any clock runs: status callbacks of calls, as Twilio's proxy sends them.

Every CallSid is unique. The public URL is the same in every run, so one corpus serves all subjects.
"""

import hmac
from base64 import b64encode
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

PUBLIC_URL: Final = "https://twilio.bench.example"
PATH: Final = "/api/webhooks/status"
ACCOUNT: Final = "AC" + sha256(b"bench account").hexdigest()[:32]
TOKEN: Final = sha256(b"bench token").hexdigest()[:32]
BUSINESS: Final = "+14155550100"

_SID, _FROM = "CallSidOfThisOne", "+1212555FROM"  # placeholders: what differs from request to request
_FIELDS: Final = {
    "AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", "CallbackSource": "call-progress-events", "CallSid": _SID,
    # This status is told to subscribers at once, and only once.
    "CallStatus": "in-progress", "Direction": "inbound",
    "Called": BUSINESS, "CalledCity": "SAN FRANCISCO", "CalledCountry": "US", "CalledState": "CA",
    "Caller": _FROM, "CallerCity": "NEW YORK", "CallerCountry": "US", "CallerState": "NY", "CallerZip": "10001",
    "From": _FROM, "FromCity": "NEW YORK", "FromCountry": "US", "FromState": "NY", "FromZip": "10001",
    "To": BUSINESS, "ToCity": "SAN FRANCISCO", "ToCountry": "US", "ToState": "CA", "ToZip": "94105",
    "Timestamp": "Wed, 25 Nov 2026 03:44:38 +0000",
}  # fmt: skip
_HEAD: Final = (
    f"POST {PATH} HTTP/1.1\r\nHost: {PUBLIC_URL.removeprefix('https://')}\r\nUser-Agent: TwilioProxy/1.1\r\n"
    "Accept: */*\r\nAccept-Encoding: gzip,deflate\r\nCache-Control: max-age=259200\r\n"
    "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nX-Home-Region: us1\r\n"
)


def call_sid(number: int) -> str:
    """The CallSid of request `number`."""
    return f"CA{number:032x}"


def caller(number: int) -> str:
    """Each call has a customer of its own: what passes with one customer is told in order, one after the other."""
    return f"+1212{number:07d}"


def requests(count: int) -> list[bytes]:
    """The first `count` requests, whole. About 10 us and 1.1 kB each. Raises AssertionError if the SDK signs otherwise."""
    to_sign, body = _to_sign(), urlencode(_FIELDS).replace("%2B1212555FROM", _FROM)
    made = [_request(number, to_sign, body) for number in range(count)]
    _compare_with_sdk(count - 1)
    return made


def fields(number: int) -> dict[str, str]:
    """The form of request `number`."""
    return {
        name: value.replace(_SID, call_sid(number)).replace(_FROM, caller(number)) for name, value in _FIELDS.items()
    }


def signature(text: str) -> str:
    """Twilio's: base64 of HMAC-SHA1 over the URL and the sorted fields."""
    return b64encode(hmac.digest(TOKEN.encode(), text.encode(), "sha1")).decode()


def _to_sign() -> str:
    return PUBLIC_URL + PATH + "".join(name + value for name, value in sorted(_FIELDS.items()))


def _filled(text: str, sid: str, from_number: str) -> str:
    return text.replace(_SID, sid).replace(_FROM, from_number)


def _request(number: int, to_sign: str, body: str) -> bytes:
    sid, from_number = call_sid(number), caller(number)
    content = _filled(body, sid, from_number.replace("+", "%2B"))
    return (
        f"{_HEAD}Content-Length: {len(content)}\r\n"
        f"X-Twilio-Signature: {signature(_filled(to_sign, sid, from_number))}\r\n"
        f"I-Twilio-Idempotency-Token: {number:08x}-0000-4000-8000-000000000000\r\n\r\n{content}"
    ).encode()


def _compare_with_sdk(number: int) -> None:
    ours = signature(_filled(_to_sign(), call_sid(number), caller(number)))
    assert RequestValidator(TOKEN).compute_signature(PUBLIC_URL + PATH, fields(number)) == ours
