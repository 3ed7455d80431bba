"""Names that Twilio gives: SIDs, idempotency tokens and request ids, repeatable with a seed."""

import random
import secrets
import threading
import uuid


class Sids:
    """Each kind of name has a row of its own, so that a client's reads do not change the names of calls.

    With a seed the same story gets the same names, as long as its threads ask in the same order.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seed = secrets.randbits(64) if seed is None else seed
        self._rows: dict[str, random.Random] = {}
        self._lock = threading.Lock()

    def new(self, prefix: str) -> str:
        """Two letters and 32 lower-case hex digits."""
        with self._lock:
            return f"{prefix}{self._row(prefix).getrandbits(128):032x}"

    def token(self) -> str:
        with self._lock:
            return str(uuid.UUID(int=self._row("token").getrandbits(128), version=4))

    def chance(self, rate: float) -> bool:
        """True in `rate` (0 to 1) of all cases."""
        with self._lock:
            return rate > 0 and self._row("chance").random() < rate

    def _row(self, kind: str) -> random.Random:
        if kind not in self._rows:
            self._rows[kind] = random.Random(f"{self._seed} {kind}")
        return self._rows[kind]
