"""Webhooks as Twilio sends them, of every kind: fictitious numbers and made-up SIDs in the shapes of its documentation.

Each names what it must be taken for and what must follow from it. Whoever needs realistic requests takes them from here.
"""

import json
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from shared.domain import form
from shared.domain.event_keys import Door, Kind

# The account that all of them are of, the tenant's number and its owner: what they find in the database.
ACCOUNT_SID, TENANT, BUSINESS, OWNER = "AC" + "0a" * 16, "tenant-1", "+14155550100", "+14155550199"


@dataclass(frozen=True, kw_only=True)
class Payload:
    """One request and what becomes of it. `rows`: for each table what some row of it must say, as JSON.

    A `message_id` in the query is that of a text of ours which was about to be sent.
    """

    name: str
    door: Door
    method: str
    path: str
    query: str
    content_type: str
    token: str
    kind: Kind
    key: str
    outcome: str
    rows: list[tuple[str, dict[str, Any]]]
    fields: list[tuple[str, str]] = field(default_factory=list)
    text: str | None = None
    latin1: str | None = None
    answer: str = ""

    @property
    def target(self) -> str:
        """Path and query, as in the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @cached_property
    def body(self) -> bytes:
        """A form, in the order of its fields, unless the request has another body."""
        if self.text is not None:
            return self.text.encode()
        return self.latin1.encode("latin-1") if self.latin1 is not None else urlencode(self.fields).encode()

    @property
    def params(self) -> dict[str, str]:
        """What it says, by name."""
        return form.posted(self.content_type, self.query, self.body)


@cache
def payloads() -> list[Payload]:
    """All of them, by file and place in it."""
    found: list[Payload] = []
    for path in sorted(Path(__file__).parent.glob("*.json")):
        for entry in json.loads(path.read_text(encoding="utf-8")):
            rows = [(table, row) for table, row in entry.pop("rows")]
            pairs = [(name, value) for name, value in entry.pop("fields", [])]
            name = f"{path.stem}: {entry.pop('name')}"
            found.append(Payload(name=name, rows=rows, fields=pairs, **entry))
    return found
