"""The sound of recordings from Twilio's media host. Its answers are not trusted: neither where they lead nor what they are."""

import errno
import socket
import time
from http.cookiejar import DefaultCookiePolicy
from ipaddress import ip_address
from typing import IO, Final
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from shared.domain.sound import Digest, Sound
from shared.errors import Permanent, Transient
from shared.settings import Settings
from shared.twilio.recordings import check_sid
from shared.twilio.wire import CONNECT_S, READ_S

_API: Final = "https://api.twilio.com"
_CHUNK_BYTES: Final = 65_536  # a socket buffer's worth: all that is held in memory
# Four hours (Twilio's longest call) of two-channel 16-bit 8 kHz WAV are 460 MB.
LARGEST_BYTES: Final = 500_000_000
# All of it, however slowly it drips: the largest at 3.3 MB a second; the job's lease leaves as long for the store.
WHOLE_S: Final = 150.0
_REDIRECTS: Final = 3  # Twilio's media is one redirect away
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Media:
    """Fetches recordings. One per process, used by all threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy variable or .netrc of the host must not meet our credentials
        self._session.cookies.set_policy(
            DefaultCookiePolicy(allowed_domains=[])
        )  # one account's must not reach another

    def fetch(self, account_sid: str, recording_sid: str, into: IO[bytes], *, format: str, channels: int) -> Sound:
        """Streams a recording (`format` wav or mp3, `channels` 1 or 2) to the start of a file, hashing on the way.

        The address is built from the SIDs. Where Twilio refuses that number of channels, it is asked for what it has.
        Raises Transient, Permanent for an account that is not ours or a SID that is none, and what `requests` raises.
        """
        check_sid(recording_sid)
        tokens = self._settings.accounts.get(account_sid)
        if not tokens:
            raise Permanent(f"no auth token for account {account_sid}")
        url = f"{self._api()}/2010-04-01/Accounts/{account_sid}/Recordings/{recording_sid}.{format}"
        answer = self._get(f"{url}?RequestedChannels={channels}", (account_sid, tokens[0]))
        if answer.status_code == 400:
            answer.close()
            answer = self._get(url, (account_sid, tokens[0]))
        with answer:
            return _sound(answer, into)

    def _api(self) -> str:
        return self._settings.twilio_api_url or _API

    def _get(self, url: str, auth: tuple[str, str] | None) -> requests.Response:
        """Follows redirects by hand. Credentials stay with the address they are for, and once dropped are not taken up."""
        for _ in range(_REDIRECTS + 1):
            answer = self._session.get(
                url,
                auth=auth,
                headers={"Accept-Encoding": "identity"},
                stream=True,
                timeout=(CONNECT_S, READ_S),
                allow_redirects=False,
            )
            where = answer.headers.get("location")
            if answer.status_code not in _MOVED or not where:
                return answer
            answer.close()
            target = urljoin(url, where)
            check_redirect(self._api(), target)
            auth = auth if _origin(target) == _origin(url) else None
            url = target
        raise Transient("media_redirects")


def check_redirect(api: str, target: str) -> None:
    """Raises Transient for a redirect that no media of Twilio's needs: to plain HTTP, or into our own network.

    The host is looked up once more when it is connected to, so a name that changes in between is not noticed; what is asked
    there carries no credentials. An API address that is itself in a private network (a simulator's) may lead to others.
    """
    parts = urlsplit(target)
    if parts.scheme != "https" and not (parts.scheme == "http" and urlsplit(api).scheme == "http"):
        raise Transient("media_redirect_scheme")
    if parts.username is not None or not parts.hostname:
        raise Transient("media_redirect_address")
    if _origin(target) != _origin(api) and _is_public(_host(api)) and not _is_public(parts.hostname):
        raise Transient("media_redirect_private")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    try:
        return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError as fault:  # a port that is none
        raise Transient("media_redirect_address") from fault


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _is_public(host: str) -> bool:
    """Whether all of its addresses are of the public internet. Raises Transient if it has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as fault:
        raise Transient("media_redirect_address") from fault
    return all(ip_address(str(each[4][0]).split("%")[0]).is_global for each in found)


def _sound(answer: requests.Response, into: IO[bytes]) -> Sound:
    if answer.status_code != 200:
        raise Transient(f"media_{answer.status_code}")
    content_type = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    # An error page of a proxy on the way, as Twilio's own sometimes are: the next try may bring the sound.
    if not content_type.startswith("audio/"):
        raise Transient(f"media is {content_type[:100] or 'of no type'}, not audio")
    declared = answer.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > LARGEST_BYTES:
        raise Permanent(f"media is larger than {LARGEST_BYTES} bytes")
    digest = _copy(answer, into)
    if not digest.size_bytes:
        raise Transient("media_empty")
    return digest.sound("audio/mpeg" if content_type == "audio/mp3" else content_type)


def _copy(answer: requests.Response, into: IO[bytes]) -> Digest:
    """Its digest. A body shorter than its Content-Length raises: urllib3 counts."""
    digest, until = Digest(), time.monotonic() + WHOLE_S
    while chunk := _next(answer):
        _write(into, chunk)
        digest.update(chunk)
        if digest.size_bytes > LARGEST_BYTES:
            raise Permanent(f"media is larger than {LARGEST_BYTES} bytes")
        if time.monotonic() > until:
            raise Transient("media_slow")
    return digest


def _next(answer: requests.Response) -> bytes:
    """What has come, however little: a body that drips is not waited for until a chunk of it is full."""
    try:
        return answer.raw.read1(_CHUNK_BYTES, decode_content=True)
    except (HTTPError, OSError) as fault:
        raise requests.ConnectionError(fault) from fault


def _write(into: IO[bytes], chunk: bytes) -> None:
    try:
        into.write(chunk)
    except OSError as fault:
        raise disk(fault) from fault


def disk(fault: OSError) -> Transient:
    """What becomes of work whose temporary file could not be written."""
    return Transient(
        "disk_full" if fault.errno in _FULL else f"disk: {errno.errorcode.get(fault.errno or 0, 'broken')}"
    )
