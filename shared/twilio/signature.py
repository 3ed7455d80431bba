"""Is a request from Twilio? The one rule of its signature, written out (Twilio docs, "Webhooks security").

HMAC over the URL as configured at Twilio plus the sorted form fields, with the account's auth token or with a shared key.
The tests hold it against the official SDK's validator. Nothing here raises on hostile input: it answers yes or no.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Final
from urllib.parse import parse_qsl

from shared.domain.form import Pairs
from shared.twilio import spellings

HMAC_SHA1: Final = "HMAC_SHA1"
_DIGESTS: Final = {HMAC_SHA1: "sha1", "HMAC_SHA256": "sha256"}
_LENGTHS: Final = {"sha1": 28, "sha256": 44}  # of the signature, characters of base64
_HASH_NAME: Final = "bodySHA256"


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as far as its signature goes. `url` as Twilio was told it: path and query byte for byte.

    `fields` is None when the body is not a form: then `body` is checked against `bodySHA256` of the query.
    """

    url: str
    fields: Pairs | None
    body: bytes = b""


def is_genuine(request: Signed, signature: str, tokens: Iterable[str], algorithm: str = HMAC_SHA1) -> bool:
    """Whether one of the account's live `tokens` made `signature` (base64; 28 characters for SHA-1, 44 for SHA-256)."""
    base, target = spellings.split(request.url)
    bases = [_bytes(form) for form in spellings.of_base(base)]
    tails = tails_of(request.fields, target.partition("?")[2], request.body)
    digest = digest_of(algorithm)
    return digest is not None and is_signed(
        bases, _bytes(target), tails, signature, [_bytes(token) for token in tokens], digest
    )


def digest_of(algorithm: str) -> str | None:
    """hashlib's name of an algorithm as Twilio calls it; None for one nobody knows."""
    return _DIGESTS.get(algorithm.upper())


def is_signed(
    bases: Sequence[bytes], target: bytes, tails: Sequence[bytes], signature: str, keys: Sequence[bytes], digest: str
) -> bool:
    """Whether one of `keys` signed `target` on one of `bases` with one of `tails`. An empty key signs nothing."""
    if len(signature) != _LENGTHS[digest] or not signature.isascii():
        return False
    given = signature.encode()
    for url in spellings.of_url(bases, target):
        for tail in tails:
            text = url + tail
            for key in keys:
                if key and hmac.compare_digest(b64encode(hmac.digest(key, text, digest)), given):
                    return True
    return False


def tails_of(fields: Pairs | None, query: str, body: bytes) -> tuple[bytes, ...]:
    """What may have been signed behind the URL, so that the signature covers the body; none: nothing can cover it.

    A form's fields, or nothing: for an empty body, or one whose hash is in the signed URL, where Twilio puts that of JSON
    (twilio-node checks forms by it as well). A URL with a hash never covers another body, not even an empty one.
    """
    joined = _joined(fields or ())
    if _HASH_NAME in query:
        # Fields that say nothing at all (`=`) are signed like none: then only the hash tells them from another body.
        by_fields = (joined,) if joined else ()
        return (*by_fields, b"") if _is_hash_of(query, body) else by_fields
    return (joined,) if fields is not None else ()


def _joined(fields: Pairs) -> bytes:
    """Names in byte order, each followed by its value; of a repeated name every different value once, sorted."""
    pick = _in_order(tuple([name for name, _ in fields]))
    return _bytes("".join(chain.from_iterable(pick(fields) if pick else sorted(set(fields)))))


@lru_cache(maxsize=128)
def _in_order(names: tuple[str, ...]) -> Callable[[Pairs], Pairs] | None:
    """What takes fields of these names in byte order; None where that is not so simple. Webhooks of one kind come with the
    same names for ever, so they are sorted once."""
    if len(set(names)) < max(2, len(names)):
        return None
    return itemgetter(*sorted(range(len(names)), key=names.__getitem__))


def _is_hash_of(query: str, body: bytes) -> bool:
    """The first one counts, as in every library; in capitals too, since the digits are the same."""
    given = next((value for name, value in parse_qsl(query) if name == _HASH_NAME), "")
    return hmac.compare_digest(hashlib.sha256(body).hexdigest().encode(), _bytes(given.lower()))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
