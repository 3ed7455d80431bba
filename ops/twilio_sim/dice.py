"""Chance that hangs on what is asked about, not on when: the same seed and names give the same number.

Threads may come in any order: the first create of one text to one phone always meets the same fate.
"""

import threading
from collections import Counter
from hashlib import blake2b

LARGEST = 2**64


def digest(*names: object, size: int = 8) -> bytes:
    return blake2b("\0".join(map(str, names)).encode("utf-8", "surrogatepass"), digest_size=size).digest()


class Dice:
    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Everything is rolled for the first time again."""
        with self._lock:
            self._seed, self._rolled = seed, Counter[bytes]()

    def forget(self) -> None:
        self.reseed(self._seed)

    def roll(self, *names: object) -> float:
        """0 up to, not including, 1. Asked again about the same names it is a new roll."""
        name = digest(*names)
        with self._lock:
            self._rolled[name] += 1
            turn, seed = self._rolled[name], self._seed
        return int.from_bytes(digest(seed, name.hex(), turn)) / LARGEST

    def chance(self, rate: float, *names: object) -> bool:
        """True in `rate` (0 to 1) of all cases. Nothing is rolled for what never happens."""
        return rate > 0 and self.roll(*names) < rate
