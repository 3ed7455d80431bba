"""Names that Twilio gives: SIDs, idempotency tokens and request ids, repeatable with a seed."""

import random
import threading
import uuid
from collections import Counter

from ops.twilio_sim.dice import digest


class Sids:
    """Each kind of name has a row of its own, so that a client's reads do not change the names of calls.

    With a seed the same story gets the same names, as long as its threads ask in the same order; names
    made by `of` hang on what they name alone.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rows: dict[str, random.Random] = {}
        self._given: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def new(self, prefix: str) -> str:
        """Two letters and 32 lower-case hex digits."""
        with self._lock:
            return f"{prefix}{self._row(prefix).getrandbits(128):032x}"

    def of(self, prefix: str, *about: object) -> str:
        """As `new`, but in whatever order threads come; of two that are about the same, the first is the first."""
        name = digest(prefix, *about)
        with self._lock:
            self._given[name] += 1
            turn = self._given[name]
        return prefix + digest(self._seed, name.hex(), turn, size=16).hex()

    def token(self) -> str:
        with self._lock:
            return str(uuid.UUID(int=self._row("token").getrandbits(128), version=4))

    def _row(self, kind: str) -> random.Random:
        if kind not in self._rows:
            self._rows[kind] = random.Random(f"{self._seed} {kind}")
        return self._rows[kind]
