"""Incoming calls as bytes, made before any clock runs: what Twilio's proxy sends when a customer calls one of our numbers."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode

from ops.benchmarks import corpus
from shared.domain.routing import Emergency, Number, Routing, Target
from shared.domain.routing import RecordingPolicy as Recording

PATH: Final = "/api/calls/incoming"
OWNER, SECOND, ON_CALL = "+14155550199", "+14155550198", "+14155550197"
# What a large platform may ask of us: two phones in turn, a key against voicemail, recording as the law has it.
RULES: Final = Routing(
    (Target(OWNER), Target(SECOND, 15)),
    screening="press",
    emergency=Emergency(ON_CALL),
    recording=Recording("on", "law"),
)
FORWARDED: Final = b"</Number></Dial>"
_FIELDS: Final = {
    "AccountSid": corpus.ACCOUNT, "ApiVersion": "2010-04-01", "CallStatus": "ringing", "Direction": "inbound",
    "CalledCity": "SAN FRANCISCO", "CalledCountry": "US", "CalledState": "CA", "CalledZip": "94105",
    "CallerCity": "NEW YORK", "CallerCountry": "US", "CallerState": "NY", "CallerZip": "10001",
    "FromCity": "NEW YORK", "FromCountry": "US", "FromState": "NY", "FromZip": "10001",
    "ToCity": "SAN FRANCISCO", "ToCountry": "US", "ToState": "CA", "ToZip": "94105", "StirVerstat": "TN-Validation-Passed-A",
}  # fmt: skip
_FIRST: Final = 2_000_000  # of the numbers of area code 415 that are ours here


def numbers(count: int) -> Iterator[Number]:
    """The first `count` of our numbers, all with the same rules."""
    return (Number(business(place), "bench", RULES, status="active") for place in range(count))


def business(place: int) -> str:
    """One of our numbers."""
    return f"+1415{_FIRST + place:07d}"


def requests(count: int, among: int) -> list[bytes]:
    """The first `count` calls, whole, to `among` numbers in turn. About 20 us and 1.3 kB each."""
    return [request(place, business(place % among)) for place in range(count)]


def request(place: int, to: str) -> bytes:
    """One call."""
    form = fields(place, to)
    body = urlencode(form)
    to_sign = corpus.PUBLIC_URL + PATH + "".join(name + form[name] for name in sorted(form))
    host = corpus.PUBLIC_URL.removeprefix("https://")
    return (
        f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nX-Home-Region: us1\r\n"
        f"Content-Length: {len(body)}\r\nX-Twilio-Signature: {corpus.signature(to_sign)}\r\n"
        f"I-Twilio-Idempotency-Token: {place:08x}-0000-4000-8000-000000000000\r\n\r\n{body}"
    ).encode()


def fields(place: int, to: str) -> dict[str, str]:
    """What Twilio says of call `place`."""
    caller = corpus.caller(place)
    return _FIELDS | {"CallSid": corpus.call_sid(place), "From": caller, "Caller": caller, "To": to, "Called": to}
