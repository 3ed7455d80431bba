"""HTTP under the official SDK: one pool of connections for all threads, time limits, and an answer's status and headers kept.

In place of the SDK's own client on `requests`, which has no time limit by default, logs phone numbers, hides the headers
of a refusal, and takes twice the CPU time. Refusals leave here as `Refused`, before the SDK makes exceptions of its own.
"""

import json
import logging
import threading
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from twilio.http import HttpClient as SdkHttpClient
from twilio.http.response import Response

from shared.domain.retry_after import seconds_of

CONNECT_S: Final = 3.05  # a little over one TCP retransmission
READ_S: Final = 10.0  # Twilio answers in 0.1-0.5 s; ten seconds without an answer is none
_NO_CONTENT: Final = 204
_POOL: Final = 48  # the threads of one worker process at most: 32 that send side by side, and its tasks
# No wait of Twilio's is longer; a header that says more is a mistake, and no text may sleep over it for a year.
_LONGEST_WAIT_S: Final = 3600.0


class Answer:
    """What an answer says beside its body. Names of headers are Twilio's (they come in any case)."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self._headers = headers

    @cached_property
    def concurrency(self) -> int | None:
        """Requests of the account that Twilio was working on at that moment."""
        said = self._headers.get("Twilio-Concurrent-Requests", "")
        return int(said) if said.isascii() and said.isdigit() else None

    @property
    def request_id(self) -> str:
        return self._headers.get("Twilio-Request-Id", "")

    @property
    def retry_after_s(self) -> float | None:
        """Retry-After in either form (RFC 9110, 10.2.3), an hour at most. Twilio documents none; a proxy may send one."""
        return seconds_of(self._headers.get("Retry-After", ""), datetime.now(UTC), longest_s=_LONGEST_WAIT_S)


class Refused(Exception):
    """An answer that is no success. `code` is of Twilio's error dictionary; None if the body names none."""

    def __init__(self, answer: Answer, code: int | None) -> None:
        super().__init__(f"HTTP {answer.status}, code {code}")
        self.answer = answer
        self.code = code


class HttpClient(SdkHttpClient):
    """Used by all threads at once. Follows no redirect and repeats nothing.

    Raises Refused, the exceptions of urllib3, and ValueError when a success is no JSON (only a deletion's has no body).
    """

    def __init__(self, api_url: str) -> None:
        """`api_url`: another host in place of Twilio's, for a simulator."""
        super().__init__(logging.getLogger(__name__), is_async=False, timeout=READ_S)
        self._api_url = urlsplit(api_url) if api_url else None
        # No proxy variable of the host is read: a proxy must not see our credentials.
        self._pools = urllib3.PoolManager(
            maxsize=_POOL,
            timeout=urllib3.Timeout(connect=CONNECT_S, read=READ_S),
            retries=False,
            ca_certs=DEFAULT_CA_BUNDLE_PATH,
        )
        self._mine = threading.local()

    @property
    def last(self) -> Answer:
        """The last answer that this thread got."""
        return self._mine.answer

    def request(  # type: ignore[override]
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        raw = self._pools.request(
            method.upper(),
            self._rehosted(f"{uri}?{_form(params)}" if params else uri),
            body=_form(data) if data else None,
            headers={**(headers or {}), "Accept-Encoding": "gzip, deflate", **_authorization(auth)},
            redirect=False,
        )
        self._mine.answer = answer = Answer(raw.status, raw.headers)
        # Twilio's JSON is UTF-8; what is not is no JSON, and is told as that.
        text = raw.data.decode("utf-8", "replace")
        if not 200 <= raw.status < 300:
            raise Refused(answer, _code(text))
        if not text.lstrip().startswith("{") and not (method.upper() == "DELETE" and raw.status == _NO_CONTENT):
            raise ValueError("a success whose body is no JSON object")
        return Response(raw.status, text, raw.headers)

    def _rehosted(self, url: str) -> str:
        if self._api_url is None:
            return url
        return urlunsplit(urlsplit(url)._replace(scheme=self._api_url.scheme, netloc=self._api_url.netloc))


def _form(fields: Mapping[str, object]) -> str:
    """Lists become repeated names, as Twilio wants them."""
    return urlencode({name: value for name, value in fields.items() if value is not None}, doseq=True)


def _authorization(auth: tuple[str, str] | None) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(":".join(auth).encode()).decode()} if auth else {}


def _code(text: str) -> int | None:
    """Both forms of Twilio's error bodies, the old and RFC 9457's, name it `code`."""
    try:
        document: Any = json.loads(text)
    except ValueError:
        return None
    code = document.get("code") if isinstance(document, dict) else None
    return code if type(code) is int else None
