"""The simulator's ledger, read as it grows: who was texted when."""

import json
from dataclasses import dataclass, field

import requests

_NS = 1_000_000_000


@dataclass
class Books:
    """What the simulator at `url` has taken. `at_ns`: when a person was texted first, by the wall clock."""

    url: str
    at_ns: dict[str, int] = field(default_factory=dict)
    _read: int = 0

    def look(self) -> int:
        """How many people have been texted now."""
        answer = requests.get(f"{self.url}/sim/ledger", params={"after": self._read}, timeout=60)
        for line in map(json.loads, answer.text.splitlines()):
            self._read = line["n"]
            if line["sid"]:
                self.at_ns.setdefault(line["to"], int(line["arrived_s"] * _NS))
        return len(self.at_ns)
