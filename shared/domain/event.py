"""One webhook that Twilio signed, as it travels: through the inbox as a record, into PostgreSQL as a row."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

from shared.domain import form
from shared.domain.doors import own_query
from shared.domain.event_keys import Kind
from shared.domain.loose_json import storable
from shared.errors import Unreadable

Provenance = Literal["webhook", "reconcile", "replay"]
_NS = 1_000_000_000
_compact = json.JSONEncoder(separators=(",", ":")).encode  # made once: `json.dumps` would make it for each event


@dataclass(frozen=True, kw_only=True)
class Event:
    """What was posted, byte for byte but for secrets that somebody said (`private_words`), and what we call it.

    `event_id` names this arrival, `key` the happening. `answer` notes what TwiML was answered ("forward", "voicemail").
    """

    event_id: str
    key: str
    kind: Kind
    account_sid: str
    sids: tuple[str, ...]
    path: str
    query: str
    content_type: str
    token: str
    body: bytes
    received_ns: int
    answer: str = ""
    provenance: Provenance = "webhook"

    @property
    def received_at(self) -> datetime:
        """When the request came in, UTC."""
        return datetime.fromtimestamp(self.received_ns / _NS, UTC)

    @cached_property
    def params(self) -> dict[str, str]:
        """What was posted (`form.posted`), as PostgreSQL's text can hold it. Raises Unreadable: too many fields."""
        try:
            fields = form.posted(self.content_type, self.query, self.body)
        except ValueError as fault:
            raise Unreadable(f"parameters: {fault}") from fault
        return {storable(name): storable(value) for name, value in fields.items()}

    @cached_property
    def query_params(self) -> dict[str, str]:
        """What we ourselves wrote into the callback's URL; of a request at a fallback address, into the one that failed."""
        if self.kind not in ("call-fallback", "msg-fallback"):
            return form.of_query(self.query)
        try:
            return own_query(self.query, self.params)
        except ValueError:  # more fields than anyone sends: none of our addresses
            return {}

    def record(self) -> bytes:
        """The event as one JSON document, for the journal and the inbox; made once."""
        return self._record

    @cached_property
    def _record(self) -> bytes:
        return _compact([
            self.event_id, self.key, self.kind, self.account_sid, self.sids, self.path, self.query, self.content_type,
            self.token, self.body.decode("latin-1"), self.received_ns, self.answer, self.provenance,
        ]).encode()  # fmt: skip


def from_record(record: bytes) -> Event:
    """The event in an inbox record. Raises Unreadable."""
    try:
        (event_id, key, kind, account, sids, path, query, content_type, token, body, ns, answer, provenance) = (
            json.loads(record)
        )
        return Event(
            event_id=event_id, key=key, kind=kind, account_sid=account, sids=tuple(sids), path=path, query=query,
            content_type=content_type, token=token, body=body.encode("latin-1"), received_ns=int(ns), answer=answer,
            provenance=provenance,
        )  # fmt: skip
    except (ValueError, TypeError, AttributeError) as fault:
        raise Unreadable(f"inbox record: {fault}") from fault
