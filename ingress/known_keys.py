"""API keys this process has seen: no query per request, and a revoked one is out within ten seconds."""

import hmac
import time
from typing import Final

from shared.db import api_keys
from shared.db.api_keys import StoredKey
from shared.domain.api_key import ApiKey
from shared.runtime import Runtime

_TRUSTED_S: Final = 10.0  # how long a revoked key may still be used, and how rarely a busy one is looked up


class KnownKeys:
    """The rows of keys, for a short while. Only keys that exist are kept, so callers cannot make it grow."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[StoredKey, float]] = {}

    def find(self, rt: Runtime, key: ApiKey) -> StoredKey | None:
        """The row of `key` if its secret is right, as it is or was within the last ten seconds."""
        row, trusted_until = self._rows.get(key.key_id, (None, 0.0))
        if row is None or time.monotonic() >= trusted_until:
            row = self._look_up(rt, key)
        return row if row is not None and hmac.compare_digest(row.digest, key.digest()) else None

    def _look_up(self, rt: Runtime, key: ApiKey) -> StoredKey | None:
        with rt.db.connection() as conn:
            row = api_keys.find(conn, key.key_id)
            if row is not None and hmac.compare_digest(row.digest, key.digest()):
                api_keys.note_use(conn, key.key_id)
        if row is not None:
            self._rows[key.key_id] = (row, time.monotonic() + _TRUSTED_S)
        return row
