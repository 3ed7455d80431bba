"""How long Redis's append-only files were, and when: a power cut takes what was written since the last sync."""

import time
from collections import deque
from pathlib import Path

# appendfsync everysec promises that at most the last second is lost; a sync that takes long may cost a second more.
LOST_S = 1.0
SAMPLES = 100


class AofSizes:
    """Sampled by the main loop. Redis 7 and Valkey keep several files in `appendonlydir`, Redis 6 one beside it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._samples: deque[tuple[float, dict[Path, int]]] = deque(maxlen=SAMPLES)

    @property
    def files(self) -> list[Path]:
        """The files that grow: the base file of a rewrite is complete once it has its name."""
        found = [
            path
            for path in self.data.rglob("*.aof*")
            if path.name.endswith((".incr.aof", "appendonly.aof")) and not path.parent.name.startswith("unreadable")
        ]
        return sorted(found)

    def sample(self) -> None:
        self._samples.append((time.monotonic(), {path: path.stat().st_size for path in self.files if path.exists()}))

    def cut(self) -> int:
        """Of a Redis that is dead: shortens its files to what they were LOST_S ago. Returns how many bytes that took."""
        old = [sizes for at, sizes in self._samples if at <= time.monotonic() - LOST_S]
        safe = old[-1] if old else {}
        lost = 0
        for path in self.files:
            size = path.stat().st_size
            # A file that is younger than that has nothing that is surely on disk.
            kept = min(size, safe.get(path, 0))
            lost += size - kept
            with path.open("r+b") as file:
                file.truncate(kept)
        self._samples.clear()
        return lost

    def spoil(self, rubbish: bytes) -> None:
        """Of a Redis that is dead: writes `rubbish` behind the end of its youngest file."""
        with self.files[-1].open("ab") as file:
            file.write(rubbish)

    def set_aside(self) -> None:
        """Of a Redis that is dead: moves its files out of its way, so that it starts empty."""
        number = len(list(self.data.rglob("unreadable.*")))
        # The files of one folder belong together; a file of Redis 6 stands for itself.
        for path in {p.parent if p.parent.name == "appendonlydir" else p for p in self.files}:
            path.rename(path.with_name(f"unreadable.{number}"))
