"""Names that Twilio gives: SIDs, idempotency tokens and request ids, repeatable with a seed."""

import random
import threading
import uuid


class Sids:
    """With a seed the same story gets the same names, as long as its threads ask in the same order."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def new(self, prefix: str) -> str:
        """Two letters and 32 lower-case hex digits."""
        return f"{prefix}{self._bits(128):032x}"

    def token(self) -> str:
        return str(uuid.UUID(int=self._bits(128), version=4))

    def chance(self, rate: float) -> bool:
        """True in `rate` (0 to 1) of all cases."""
        with self._lock:
            return rate > 0 and self._random.random() < rate

    def _bits(self, count: int) -> int:
        with self._lock:
            return self._random.getrandbits(count)
