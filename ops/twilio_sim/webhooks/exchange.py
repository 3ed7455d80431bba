"""One HTTP request to a receiver and everything that can go wrong with it, told in Twilio's terms."""

import threading
import time
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy

import requests
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError

from ops.twilio_sim.webhooks.address import is_http_url
from ops.twilio_sim.webhooks.letter import Answer

# TwiML above 64 kB is error 11750: one byte more is enough to know.
READ_AT_MOST = 64 * 1024 + 1

_own = threading.local()


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
    try:
        with _session().request(
            method, url, data=body, headers=headers, timeout=limits.timeout(), allow_redirects=False, stream=True
        ) as response:
            return _read(response, url, limits)
    except requests.exceptions.InvalidURL:  # a host name that cannot be one
        return _no_url(url)
    except requests.exceptions.RequestException as error:
        return _failed(error, url)


def _no_url(url: str) -> Answer:
    return Answer(failure="url", error=f"not an http(s) URL: {url[:200]}", error_code=11100, final_url=url)


def _read(response: requests.Response, url: str, limits: Limits) -> Answer:
    status, kind = response.status_code, response.headers.get("Content-Type", "")
    body = b""
    try:
        for chunk in response.iter_content(8192):
            body += chunk
            if len(body) >= READ_AT_MOST:
                break
            if time.monotonic() > limits.deadline:
                raise requests.exceptions.ReadTimeout("the body took too long")
    except requests.exceptions.RequestException as error:
        return Answer(status, body, kind, "partial", f"answer broke off: {error}", 11200, url)
    location = response.headers.get("Location", "") if response.is_redirect else ""
    return Answer(status, body, kind, *_verdict(status), url, location)


def _verdict(status: int) -> tuple[str, str, int]:
    if 200 <= status < 300:
        return "", "", 0
    return ("4xx" if 400 <= status < 500 else "5xx"), f"HTTP {status}", 11200


def _failed(error: requests.exceptions.RequestException, url: str) -> Answer:
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.SSLError) or _never_connected(error):
        code = 11210 if _reason(error, NameResolutionError) else 11205
        return Answer(failure="ct", error=f"could not connect: {_short(error)}", error_code=code, final_url=url)
    # A reset before the first byte of an answer is classed with the read timeouts: the request may have been acted on.
    return Answer(failure="rt", error=f"no answer: {_short(error)}", error_code=11205, final_url=url)


def _never_connected(error: requests.exceptions.RequestException) -> bool:
    return _reason(error, NewConnectionError)


def _reason(error: requests.exceptions.RequestException, kind: type[Exception]) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(cause.reason if isinstance(cause, MaxRetryError) else cause, kind)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def _session() -> requests.Session:
    """One a thread (they are not safe to share), with no proxy from the environment and no cookies."""
    if not hasattr(_own, "session"):
        session = requests.Session()
        session.trust_env = False
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        _own.session = session
    return _own.session
