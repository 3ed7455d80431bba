"""Pages of a list: newest first, by a cursor that only we can have written.

The cursor carries the position of the last row and a MAC over it, the list and its filters, so a client can neither
forge a position nor carry one from one list into another.
"""

import binascii
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from flask import Response, jsonify

from ingress.api.faults import invalid

DEFAULT_LIMIT: Final = 50
LARGEST_LIMIT: Final = 200
# For lists that go by an id alone.
NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAC_BYTES: Final = 16  # 128 bits: a cursor opens nothing, it must only not be guessed

T = TypeVar("T")
Position = tuple[datetime, str]


class Listing:
    """One list with its filters. Cursors signed with any of `secrets` are accepted; the first one signs."""

    def __init__(self, secrets: Sequence[str], path: str, filters: Mapping[str, str]) -> None:
        self._keys = [hmac.digest(secret.encode(), b"page cursor", "sha256") for secret in secrets]
        self._path, self._filters = path, dict(filters)
        self._name = json.dumps([path, sorted(filters.items())]).encode()

    def position(self, cursor: str | None) -> Position | None:
        """Where the page starts. Raises Problem 422 for a cursor that is not of this list."""
        if cursor is None:
            return None
        try:
            raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except (binascii.Error, ValueError):
            raw = b""
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not any(hmac.compare_digest(mac, self._mac(key, payload)) for key in self._keys):
            raise invalid([{"parameter": "cursor", "code": "cursor", "detail": "is not a cursor of this list"}])
        moment, row = json.loads(payload)
        return datetime.fromisoformat(moment), row

    def cursor(self, position: Position) -> str:
        """The cursor of the rows after `position`."""
        payload = json.dumps([position[0].isoformat(), position[1]], separators=(",", ":")).encode()
        return urlsafe_b64encode(self._mac(self._keys[0], payload) + payload).decode().rstrip("=")

    def page(
        self, rows: Sequence[T], limit: int, *, position: Callable[[T], Position], shown: Callable[[T], Any]
    ) -> Response:
        """The answer for `rows`, of which one more than `limit` was asked for to learn whether there are more."""
        cursor = self.cursor(position(rows[limit - 1])) if len(rows) > limit else None
        response = jsonify({
            "data": [shown(row) for row in rows[:limit]],
            "has_more": cursor is not None,
            "next_cursor": cursor,
        })  # fmt: skip
        if cursor:
            query = urlencode({**self._filters, "limit": limit, "cursor": cursor})
            response.headers["Link"] = f'<{self._path}?{query}>; rel="next"'
        return response

    def _mac(self, key: bytes, payload: bytes) -> bytes:
        return hmac.digest(key, self._name + b"\n" + payload, "sha256")[:_MAC_BYTES]
