"""Is a request from Twilio? The one rule of its signature, written out (Twilio docs, "Webhooks security").

HMAC over the URL as configured at Twilio plus the sorted form fields, with the account's auth token. The tests hold it
against the official SDK's validator. Nothing here raises on hostile input: it answers yes or no.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

from shared.domain.form import Pairs

_DEFAULT_PORTS: Final = {"https": 443, "http": 80, "wss": 443, "ws": 80}


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as far as its signature goes. `url` as Twilio was told it: path and query byte for byte, no fragment.

    `fields` is None when the body is not a form: then `body` is checked against `bodySHA256` of the query.
    """

    url: str
    fields: Pairs | None
    body: bytes = b""


def is_genuine(request: Signed, signature: str, tokens: Iterable[str]) -> bool:
    """Whether one of the account's live `tokens` made `signature` (28 characters of base64, HMAC-SHA1)."""
    if not signature.isascii() or (request.fields is None and not _body_matches(request)):
        return False
    tail = _tail(request.fields or ())
    return any(
        hmac.compare_digest(_sign(url + tail, token), signature) for token in tokens for url in _variants(request.url)
    )


def _sign(text: str, token: str) -> str:
    return b64encode(hmac.digest(token.encode(), text.encode("utf-8", "surrogatepass"), "sha1")).decode()


def _tail(fields: Pairs) -> str:
    """Names in byte order, each followed by its value; of a repeated name every different value once, sorted."""
    if len({name for name, _ in fields}) == len(fields):
        return "".join([name + value for name, value in sorted(fields)])
    return "".join([name + value for name, value in sorted(set(fields))])


def _variants(url: str) -> Sequence[str]:
    """The URL as it is, and with its port added or taken away: Twilio signs either, by product."""
    parts = _split(url)
    if parts is None:
        return (url,)
    host = parts.netloc.rpartition("@")[2]
    bare = host.rpartition(":")[0] if _port(parts) is not None else host
    port = _port(parts) or _DEFAULT_PORTS.get(parts.scheme)
    forms = [url, _with_host(url, parts, bare)]
    if port:
        forms.append(_with_host(url, parts, f"{bare}:{port}"))
    return tuple(dict.fromkeys(forms))


def _with_host(url: str, parts: SplitResult, host: str) -> str:
    """Only the authority is exchanged: rebuilding the URL would lose a lone `?`, and the signature with it."""
    head, sep, rest = url.partition("://")
    return f"{head}{sep}{host}{rest[len(parts.netloc) :]}"


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what raises on a port that is none
    except ValueError:
        return None
    return parts if parts.netloc else None


def _port(parts: SplitResult) -> int | None:
    return parts.port


def _body_matches(request: Signed) -> bool:
    """JSON webhooks carry the hash of their raw body in the query; it is part of the signed URL."""
    parts = _split(request.url)
    given = [value for name, value in parse_qsl(parts.query) if name == "bodySHA256"] if parts else []
    return len(given) == 1 and hmac.compare_digest(
        hashlib.sha256(request.body).hexdigest().encode(), given[0].lower().encode("utf-8", "replace")
    )


def without_fragment(url: str) -> str:
    """`url` without the `#…` of connection overrides, which Twilio neither sends nor signs."""
    return urlunsplit(urlsplit(url)._replace(fragment=""))
