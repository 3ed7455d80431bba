"""Idempotency-Key: the same request sent again gets the first answer again, and its effect happens once.

Where the effect is rows only, the claim belongs to its transaction (`claimed`). Where more follows (`once`), it is a short
transaction of its own, so that a second request sees it, and the answer is kept in the transaction of the effect. A process
that dies in between leaves a claim without effect, which the next one takes over after a minute; should the first one live
after all, its fence is gone and its transaction rolls back.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from flask import Response, request
from psycopg import Connection
from psycopg.errors import LockNotAvailable

from ingress.answer import Answer, response
from ingress.paths import canonical
from ingress.problem import Problem
from shared.db import idempotency as store
from shared.db.idempotency import Kept, Place
from shared.runtime import Runtime

LONGEST_KEY: Final = 255
# A Structured Field string (RFC 9651), or the bare form that most clients send.
_QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"\Z')
_BARE = re.compile(r"[\x21\x23-\x2b\x2d-\x7e]+\Z")


@dataclass(slots=True)
class Once:
    """One request under its key, or without one. `stored` is the first answer, if there is one."""

    key: str | None = None
    stored: Response | None = None
    place: Place | None = None
    fence: datetime | None = None

    def keep(self, conn: Connection, answer: Answer) -> None:
        """Keeps the answer in the transaction of the effect. Raises Problem 409, which rolls both back."""
        if self.place is None or self.fence is None:
            return
        headers = dict(answer.headers)
        if not store.keep(conn, self.place, self.fence, status=answer.status, headers=headers, body=answer.text()):
            raise _running()

    def keep_newer(self, rt: Runtime, answer: Answer) -> None:
        """Puts an answer that knows more in place of the kept one. The kept one is right too, so a fault is no loss."""
        with suppress(psycopg.OperationalError), rt.db.connection() as conn:
            self.keep(conn, answer)


@contextmanager
def once(rt: Runtime, client: str, body: Any, *, is_required: bool = False) -> Iterator[Once]:
    """Claims the key of the request in hand, and releases it if the block raises before it kept an answer.

    Raises Problem: 400 unusable key, or none where one `is_required`; 409 the same request is running, 422 the key belongs to
    another body.
    """
    place = _place(client, is_required=is_required)
    if place is None:
        yield Once()
        return
    with rt.db.connection() as conn:
        this = _claim(conn, place, fingerprint(body))
    try:
        yield this
    except BaseException:
        _release(rt, this)
        raise


def claimed(conn: Connection, client: str, body: Any) -> Once:
    """As `once`, for an effect that is over within this transaction: claim, effect and answer commit together or not at all,
    and the same request sent meanwhile waits for it.

    Raises Problem as `once`; 409 after PostgreSQL's lock_timeout.
    """
    place = _place(client)
    try:
        return Once() if place is None else _claim(conn, place, fingerprint(body))
    except LockNotAvailable:
        raise _running() from None


def _place(client: str, *, is_required: bool = False) -> Place | None:
    key = _key(request.headers.get("Idempotency-Key"))
    if key is None and is_required:
        raise Problem(
            400, "idempotency-key-required", "Idempotency-Key missing", "Send one, so that nothing is done twice."
        )
    return None if key is None else Place(client, request.method, canonical(request.path), key)


def fingerprint(body: Any) -> bytes:
    """What tells two bodies apart: neither the order of fields nor white space does."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).digest()


def _claim(conn: Connection, place: Place, print_: bytes) -> Once:
    fence = store.claim(conn, place, print_)
    kept = None if fence else store.find(conn, place)
    if fence:
        return Once(place.key, None, place, fence)
    # Between the two statements a failed request may have released the key: the client's retry will get it.
    if kept is None:
        raise _running()
    return Once(place.key, _replay(kept, print_))


def _replay(kept: Kept, print_: bytes) -> Response:
    if kept.fingerprint != print_:
        raise Problem(
            422, "idempotency-key-reused", "Idempotency-Key reused",
            "This key was used with another body. A new request needs a new key.",
        )  # fmt: skip
    if kept.status is None:
        raise _running()
    return response(kept.status, kept.body or "", (kept.headers or {}) | {"Idempotent-Replayed": "true"})


def _release(rt: Runtime, claimed: Once) -> None:
    if claimed.place is None or claimed.fence is None:
        return
    # If the store is away the claim stays, and is taken over after a minute.
    with suppress(psycopg.OperationalError), rt.db.connection() as conn:
        store.release(conn, claimed.place, claimed.fence)


def _running() -> Problem:
    return Problem(
        409, "idempotency-key-in-use", "The same request is running", "Ask again in a moment for its answer.",
        headers={"Retry-After": "1"},
    )  # fmt: skip


def _key(header: str | None) -> str | None:
    if header is None:
        return None
    header = header.strip()
    quoted = _QUOTED.match(header)
    key = re.sub(r"\\(.)", r"\1", quoted.group(1)) if quoted else header if _BARE.match(header) else ""
    if not 0 < len(key) <= LONGEST_KEY:
        raise Problem(
            400, "idempotency-key-invalid", "Idempotency-Key not usable",
            f'Send 1 to {LONGEST_KEY} printable ASCII characters, bare or as "a quoted string".',
        )  # fmt: skip
    return key
