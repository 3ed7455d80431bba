"""Lua that Redis runs in one piece."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import NoScriptError


class Script:
    """A Lua file of this folder; loaded again when Redis has forgotten it (restart, flush)."""

    def __init__(self, name: str) -> None:
        self.text = (Path(__file__).parent / f"{name}.lua").read_text(encoding="ascii")
        # As Redis names a script it has loaded: by the SHA-1 of its text.
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def run(self, redis: Redis, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Raises RedisError."""
        try:
            return redis.evalsha(self.digest, len(keys), *keys, *args)
        except NoScriptError:
            return redis.eval(self.text, len(keys), *keys, *args)
