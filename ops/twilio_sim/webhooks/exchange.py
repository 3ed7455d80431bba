"""One HTTP request to a receiver and everything that can go wrong with it, told in Twilio's terms."""

import time
from dataclasses import dataclass
from urllib.parse import unquote

import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    SSLError,
)
from urllib3.util import make_headers, parse_url

from ops.twilio_sim.webhooks.address import is_http_url
from ops.twilio_sim.webhooks.letter import Answer

# TwiML above 64 kB is error 11750: one byte more is enough to know.
READ_AT_MOST = 64 * 1024 + 1
REDIRECTS = (301, 302, 303, 307, 308)

# One for all threads: a pool of each thread's own would cost a call more than its webhooks. It never makes one wait
# for another's connection, knows no proxies and no cookies; each host's pool is larger than calls at once.
_CONNECTIONS = urllib3.PoolManager(ca_certs=DEFAULT_CA_BUNDLE_PATH, maxsize=2000)


@dataclass(frozen=True)
class Limits:
    """Seconds; `deadline` is on time.monotonic()."""

    connect_s: float
    read_s: float
    deadline: float

    def timeout(self) -> tuple[float, float]:
        left = max(0.05, self.deadline - time.monotonic())
        return min(self.connect_s, left), min(self.read_s, left)


def exchange(method: str, url: str, body: bytes | None, headers: dict[str, str], limits: Limits) -> Answer:
    """Never raises: a failure is an answer too. `url` has no fragment; redirects are the caller's business."""
    if not is_http_url(url):
        return _no_url(url)
    connect_s, read_s = limits.timeout()
    try:
        response = _CONNECTIONS.request(
            method, url, body=body, headers=headers | _password_in(url), preload_content=False, redirect=False,
            retries=False, timeout=urllib3.Timeout(connect=connect_s, read=read_s),
        )  # fmt: skip
    except (LocationParseError, LocationValueError, UnicodeError):  # a host name that cannot be one
        return _no_url(url)
    except HTTPError as error:
        return _failed(error, url)
    try:
        return _read(response, url, limits)
    finally:
        response.close()


def _password_in(url: str) -> dict[str, str]:
    """`https://name:word@host` is basic authentication."""
    given = parse_url(url).auth if "@" in url else None
    return make_headers(basic_auth=unquote(given)) if given else {}


def _no_url(url: str) -> Answer:
    return Answer(failure="url", error=f"not an http(s) URL: {url[:200]}", error_code=11100, final_url=url)


def _read(response: urllib3.BaseHTTPResponse, url: str, limits: Limits) -> Answer:
    status, kind = response.status, response.headers.get("Content-Type", "")
    body = b""
    try:
        for chunk in response.stream(8192, decode_content=True):
            body += chunk
            if len(body) >= READ_AT_MOST:
                break
            if time.monotonic() > limits.deadline:
                return Answer(status, body, kind, "partial", "answer broke off: the body took too long", 11200, url)
    except HTTPError as error:
        return Answer(status, body, kind, "partial", f"answer broke off: {error}", 11200, url)
    location = response.headers.get("Location", "") if status in REDIRECTS else ""
    return Answer(status, body, kind, *_verdict(status), url, location)


def _verdict(status: int) -> tuple[str, str, int]:
    if 200 <= status < 300:
        return "", "", 0
    return ("4xx" if 400 <= status < 500 else "5xx"), f"HTTP {status}", 11200


def _failed(error: HTTPError, url: str) -> Answer:
    if isinstance(error, ConnectTimeoutError | NewConnectionError | SSLError):
        code = 11210 if isinstance(error, NameResolutionError) else 11205
        return Answer(failure="ct", error=f"could not connect: {_short(error)}", error_code=code, final_url=url)
    # A reset before the first byte of an answer is classed with the read timeouts: the request may have been acted on.
    return Answer(failure="rt", error=f"no answer: {_short(error)}", error_code=11205, final_url=url)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
