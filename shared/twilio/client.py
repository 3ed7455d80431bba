"""Twilio's REST API, as far as we use it: the official SDK with time limits, and answers turned into outcomes.

The SDK's own layer has no time limit by default, lets exceptions of `requests` escape, and logs phone numbers; all of
that ends here. One client per process: a new one per request costs 3.5 ms over TLS.
"""

import hashlib
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any, Final
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from shared import metrics
from shared.errors import Permanent, Transient, TwilioServerError, Unknown
from shared.settings import Settings

_CONNECT_S: Final = 3.05  # a little over one TCP retransmission
_READ_S: Final = 10.0  # Twilio answers in 0.1-0.5 s; ten seconds without an answer is none
_POOL: Final = 16  # the threads of one worker process at most
_CHUNK_BYTES: Final = 65_536  # a socket buffer's worth
# Four hours (Twilio's longest call) of two-channel 16-bit 8 kHz WAV are 460 MB.
_LARGEST_BYTES: Final = 500_000_000
_TOO_MANY: Final = 429
# What a list's answer says of the world rather than of the question.
_TELLING: Final = frozenset({401, 403, _TOO_MANY, *range(500, 600)})
_PAGE: Final = 1000  # Twilio's largest page
# Where one of these is set, Twilio does not ask the number's own addresses.
_OVERRIDES: Final = ("voice_application_sid", "sms_application_sid", "trunk_sid")
_THROTTLED_S: Final = 1.0  # Twilio documents no Retry-After for 20429; its limit is on concurrency, so soon is fine
# Twilio's code for "the call is not in a state for that" (error dictionary 21220): it has ended already.
CALL_NOT_LIVE: Final = 21220


@dataclass(frozen=True, slots=True)
class Sent:
    """Twilio's answer to a created message."""

    message_sid: str
    account_sid: str
    status: str
    segments: int | None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of a recording's media."""

    size_bytes: int
    sha256: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class OwnedNumber:
    """A phone number of the account. `settings` are its addresses and methods, `overrides` what Twilio asks before them."""

    sid: str
    phone_number: str
    settings: Mapping[str, str]
    overrides: Mapping[str, str]


class _HttpClient(TwilioHttpClient):
    """The SDK's client with a time limit on everything and, for a simulator, another host."""

    def __init__(self, api_url: str) -> None:
        super().__init__(timeout=_READ_S)
        self._api_url = urlsplit(api_url) if api_url else None
        assert self.session is not None  # pooling is the SDK's default
        self.session.trust_env = False  # a proxy variable of the host must not see our credentials
        for scheme in ("https://", "http://"):
            self.session.mount(scheme, HTTPAdapter(pool_connections=_POOL, pool_maxsize=_POOL))

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return super().request(method, self._rehosted(url), *args, **kwargs)

    def _rehosted(self, url: str) -> str:
        if self._api_url is None:
            return url
        return urlunsplit(urlsplit(url)._replace(scheme=self._api_url.scheme, netloc=self._api_url.netloc))


class TwilioClient:
    """What we ask of Twilio. Every method raises an outcome of `shared.errors`, and nothing else on purpose."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._auth = (settings.twilio_account_sid, settings.twilio_auth_tokens[0])
        self._http = _HttpClient(settings.twilio_api_url)
        self._sdk = Client(*self._auth, http_client=self._http)
        self._media = requests.Session()
        self._media.trust_env = False  # as above

    def send_message(self, *, to: str, from_: str, body: str, media_urls: list[str], status_callback: str) -> Sent:
        """Creates a message. Not idempotent at Twilio: Unknown means that it may have been taken.

        Raises Transient (certainly not taken), Unknown, Permanent (refused).
        """
        with _outcome("messages", creating=True):
            created = self._sdk.messages.create(
                to=to, from_=from_, body=body, status_callback=status_callback, **_given(media_url=media_urls)
            )
        return Sent(created.sid or "", created.account_sid or "", str(created.status), _number(created.num_segments))

    def find_messages(self, *, to: str, from_: str, body: str, since: datetime) -> list[Sent]:
        """Messages like this that Twilio has taken since `since`, the newest first. Raises Transient.

        Twilio filters by day, so the time is compared here, with a minute for clocks that differ.
        """
        earliest = since - timedelta(minutes=1)
        with _outcome("messages"):
            # 200: more texts than one number of ours sends to one person within the settling time.
            listed = self._sdk.messages.list(to=to, from_=from_, limit=200)
        return [
            Sent(found.sid or "", found.account_sid or "", str(found.status), _number(found.num_segments))
            for found in listed
            if found.body == body and found.date_created and found.date_created >= earliest
        ]

    def end_call(self, call_sid: str) -> None:
        """Hangs a live call up. A call that is over already is as good. Raises Transient, Permanent."""
        try:
            with _outcome("calls"):
                self._sdk.calls(call_sid).update(status="completed")
        except Permanent as refused:
            if refused.twilio_code != CALL_NOT_LIVE:
                raise

    def owned_numbers(self, names: Collection[str]) -> list[OwnedNumber]:
        """Every number of the account with the settings in `names` (snake case), from all pages. Raises Transient."""
        with _outcome("numbers"):
            listed = self._sdk.incoming_phone_numbers.list(page_size=_PAGE)
        return [_owned(number, names) for number in listed]

    def set_number(self, sid: str, settings: Mapping[str, str]) -> OwnedNumber:
        """Changes these settings; the number as Twilio then has it. Raises Transient, Permanent."""
        with _outcome("numbers"):
            changed = self._sdk.incoming_phone_numbers(sid).update(**settings)
        return _owned(changed, settings)

    def numbers_in_services(self) -> dict[str, str]:
        """Numbers (by SID) whose texts go to a Messaging Service's address instead of their own, and its SID.

        Raises Transient, Permanent.
        """
        with _outcome("messaging_services"):
            services = self._sdk.messaging.v1.services
            return {
                str(number.sid): str(service.sid)
                for service in services.list(page_size=_PAGE)
                if not service.use_inbound_webhook_on_number
                for number in services(str(service.sid)).phone_numbers.list(page_size=_PAGE)
            }

    def fetch_recording(self, recording_sid: str, into: IO[bytes]) -> Fetched:
        """Streams the WAV of a recording into a file, hashing on the way; memory stays at one chunk.

        The address is built from the SID: what was posted is not trusted. Raises Transient while Twilio does not have it
        ready (404 for some seconds) or breaks off, Permanent when what comes is no audio.
        """
        base = self._settings.twilio_api_url or "https://api.twilio.com"
        url = f"{base}/2010-04-01/Accounts/{self._auth[0]}/Recordings/{recording_sid}.wav"
        # requests drops the credentials when a redirect leads to another host.
        with (
            _outcome("media"),
            self._media.get(url, auth=self._auth, stream=True, timeout=(_CONNECT_S, _READ_S)) as answer,
        ):
            if answer.status_code != 200:
                raise Transient(f"media_{answer.status_code}")
            content_type = answer.headers.get("content-type", "").split(";")[0].strip()
            if not content_type.startswith("audio/"):
                raise Permanent(f"media is {content_type or 'of no type'}, not audio")
            size, sha256 = _copy(answer, into)
        return Fetched(size, sha256, content_type)


def _owned(number: Any, names: Collection[str]) -> OwnedNumber:
    return OwnedNumber(
        number.sid,
        number.phone_number,
        {name: getattr(number, name) or "" for name in names},
        {name: sid for name in _OVERRIDES if (sid := getattr(number, name))},
    )


def _copy(answer: requests.Response, into: IO[bytes]) -> tuple[int, bytes]:
    """Size and SHA-256. A body shorter than its Content-Length raises: urllib3 counts."""
    size, digest = 0, hashlib.sha256()
    for chunk in answer.iter_content(_CHUNK_BYTES):
        into.write(chunk)
        digest.update(chunk)
        size += len(chunk)
        if size > _LARGEST_BYTES:
            raise Permanent(f"media is larger than {_LARGEST_BYTES} bytes")
    return size, digest.digest()


def _given(**optional: Any) -> dict[str, Any]:
    """Leaves out what is empty: the SDK would send it."""
    return {name: value for name, value in optional.items() if value}


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() and text != "0" else None


@contextmanager
def _outcome(resource: str, *, creating: bool = False) -> Iterator[None]:
    """Turns whatever the SDK raises into an outcome, and counts it."""
    started, outcome, code = time.perf_counter(), "ok", ""
    try:
        yield
    except Exception as fault:
        known = outcome_of(fault, creating=creating)
        outcome, code = type(known).__name__.lower(), str(getattr(known, "twilio_code", None) or "")
        if known is fault:
            raise
        raise known from fault
    finally:
        metrics.TWILIO_REQUESTS.labels(resource, outcome, code).inc()
        metrics.TWILIO_SECONDS.labels(resource).observe(time.perf_counter() - started)


def outcome_of(fault: Exception, *, creating: bool) -> Exception:
    """What should happen next. `creating`: the request makes something, so an answer that never came is not a no.

    A bug stays the exception it was.
    """
    if isinstance(fault, TwilioServerError):
        return fault
    if isinstance(fault, TwilioRestException):
        return _refusal(fault.status, fault.code, creating=creating)
    if isinstance(fault, requests.ConnectTimeout) or _never_connected(fault):
        return Transient("twilio_unreachable")  # no byte of the request left: it is safe to repeat
    if isinstance(fault, TwilioException) and (status := _status_of_page(fault)) in _TELLING:
        return _refusal(status, None, creating=creating)
    if isinstance(fault, requests.RequestException | TwilioException | ValueError):
        return Unknown("no_answer") if creating else Transient("twilio_unavailable")
    return fault


def _status_of_page(fault: TwilioException) -> int:
    """A list that could not be read raises no TwilioRestException: the SDK puts the answer beside the words."""
    return getattr(fault.args[1], "status_code", 0) if len(fault.args) > 1 else 0


def _refusal(status: int, code: int | None, *, creating: bool) -> TwilioServerError:
    if status == _TOO_MANY:
        metrics.TWILIO_THROTTLED.inc()
        return Transient("throttled", retry_after_s=_THROTTLED_S)
    if status >= 500:
        # Twilio's error 20500: the request may have been carried out all the same.
        return Unknown(f"twilio_{status}") if creating else Transient(f"twilio_{status}")
    if status in (401, 403):
        return Transient(f"credentials_{status}", retry_after_s=60.0)  # an operator's slip; a text must not die of it
    return Permanent(f"refused_{code or status}", twilio_code=code)


def _never_connected(fault: Exception) -> bool:
    """urllib3 wraps "connection refused" and DNS failures in a MaxRetryError whose reason names the new connection."""
    reason: Any = fault.args[0] if isinstance(fault, requests.ConnectionError) and fault.args else None
    return type(getattr(reason, "reason", None)).__name__ in {"NewConnectionError", "NameResolutionError"}
