"""Events as they came from Twilio: stored once under their semantic key, never changed."""

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, LiteralString, cast

from psycopg import Connection
from psycopg.rows import class_row

from shared.domain.event import Event


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as operators see it: what it is called and what became of it, nothing personal."""

    key: str
    kind: str
    provenance: Literal["webhook", "reconcile", "replay"]
    received_at: datetime
    processed_at: datetime | None
    outcome: str | None


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# The columns that `whole` makes an event of again.
WHOLE: Final[LiteralString] = """
    key, event_id, kind, provenance, account_sid, sids, path, query, content_type, token, answer, body, received_at
"""

# Any constant will do; only those who store events must agree on it.
_TURN_KEY: Final = 5_210_733_904


def take_turn(conn: Connection) -> None:
    """Waits until no other transaction stores events; ours is then the only one until it ends.

    Raises LockNotAvailable after the session's lock_timeout. A transaction-level lock on purpose: it goes with the
    transaction whatever becomes of its process.
    """
    conn.execute("select pg_advisory_xact_lock(%s)", (_TURN_KEY,))


def insert(conn: Connection, events: Sequence[Event]) -> set[str]:
    """Stores those whose key is new and returns their event ids.

    The whole batch travels as one JSON document: psycopg adapts arrays slowly. A known key with another body is noted
    as a conflict, and the first body stands.
    """
    rows = conn.execute(
        """
        with arrived as (
            select * from jsonb_to_recordset(%(batch)s::jsonb) as (
                key text, event_id text, kind text, provenance text, account_sid text, sids text[], path text,
                query text, content_type text, token text, answer text, body text, received_at timestamptz)),
        kept as (
            insert into events (key, event_id, kind, provenance, account_sid, sids, path, query, content_type, token,
                                answer, body, body_sha256, received_at)
            select key, event_id, kind, provenance, account_sid, sids, path, query, content_type, token, answer,
                   decode(body, 'base64'), sha256(decode(body, 'base64')), received_at
              from arrived
            on conflict do nothing
            returning event_id)
        select event_id from kept
        """,
        {"batch": json.dumps([_document(event) for event in events])},
    ).fetchall()
    fresh = {row[0] for row in rows}
    repeated = [event for event in events if event.event_id not in fresh]
    if repeated:
        _note_conflicts(conn, repeated)
    return fresh


def finish(conn: Connection, outcomes: dict[str, str]) -> None:
    """Writes what became of each event (by event id), in the transaction that did it.

    One time for the whole batch, taken in its turn: `processed_at`, then `event_id`, is the order of processing. That a
    text was unknown is no news where a later event of the batch has made it known, and the report was applied.
    """
    conn.execute(
        """
        update events set processed_at = statement_timestamp(),
                          outcome = case when o.value = 'unknown_message' then coalesce(outcome, o.value) else o.value end
          from jsonb_each_text(%(outcomes)s::jsonb) as o
         where events.event_id = o.key
        """,
        {"outcomes": json.dumps(outcomes)},
    )


def unseen(conn: Connection, event_ids: Sequence[str]) -> set[str]:
    """Those of these arrivals that PostgreSQL knows nothing of: neither stored, nor a noted conflict, nor set aside."""
    rows = conn.execute(
        """
        select a.event_id from jsonb_array_elements_text(%(ids)s::jsonb) as a (event_id)
         where not exists (select from events as e where e.event_id = a.event_id)
           and not exists (select from event_conflicts as c where c.event_id = a.event_id)
           and not exists (select from set_aside as s where s.event_id = a.event_id)
        """,
        {"ids": json.dumps(list(event_ids))},
    ).fetchall()
    return {row[0] for row in rows}


def unaccounted(conn: Connection, arrivals: Sequence[tuple[str, str, bytes]]) -> set[str]:
    """The event ids among (event_id, key, body_sha256) whose event PostgreSQL does not have.

    It has an event that is stored under its key with the same body, whichever arrival brought it; or, by event id, one
    that is stored, noted as a conflict, or set aside.
    """
    rows = conn.execute(
        """
        select a.event_id from jsonb_to_recordset(%(batch)s::jsonb) as a (event_id text, key text, sha256 text)
         where not exists (select from events as e where e.key = a.key and e.body_sha256 = decode(a.sha256, 'hex'))
           and not exists (select from events as e where e.event_id = a.event_id)
           and not exists (select from event_conflicts as c where c.event_id = a.event_id)
           and not exists (select from set_aside as s where s.event_id = a.event_id)
        """,
        {"batch": json.dumps([{"event_id": id, "key": key, "sha256": sha.hex()} for id, key, sha in arrivals])},
    ).fetchall()
    return {row[0] for row in rows}


def of_sid(conn: Connection, sid: str, *, limit: int, before: tuple[datetime, str] | None) -> list[StoredEvent]:
    """The events that speak of a call, message or recording, newest first, after the cursor (received_at, key)."""
    received_at, key = before or (None, None)
    with conn.cursor(row_factory=class_row(StoredEvent)) as cursor:
        return cursor.execute(
            """
            select key, kind, provenance, received_at, processed_at, outcome from events
             where sids @> array[%(sid)s]
               and (%(at)s::timestamptz is null or (received_at, key) < (%(at)s, %(key)s))
             order by received_at desc, key desc limit %(limit)s
            """,
            {"sid": sid, "limit": limit, "at": received_at, "key": key},
        ).fetchall()


def whole(row: Sequence[object]) -> Event:
    """The event as it came, of a row with the columns `WHOLE`."""
    names = [name.strip() for name in WHOLE.split(",")]
    values = dict(zip(names, row, strict=True))
    since_epoch = cast("datetime", values.pop("received_at")) - _EPOCH
    received_ns = ((since_epoch.days * 86_400 + since_epoch.seconds) * 1_000_000 + since_epoch.microseconds) * 1_000
    values["sids"] = tuple(cast("list[str]", values["sids"]))
    return Event(**values, received_ns=received_ns)  # type: ignore[arg-type]


def wait_for_word_of(conn: Connection, sid: str) -> None:
    """Until this transaction ends no other one passes here for the same SID.

    A report of a text that nobody knows, and the answer that makes it known, must not miss each other.
    """
    conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, %s))", (sid, _TURN_KEY))


def unheard(conn: Connection, sid: str) -> list[Event]:
    """What was said of the text `sid` before it was known to be ours, in the order it was received."""
    rows = conn.execute(
        f"""
        select {WHOLE} from events
         where sids @> array[%s] and kind in ('msg-status', 'msg-fallback')
           and outcome = 'unknown_message'
         order by received_at, key
        """,
        (sid,),
    ).fetchall()
    return [whole(row) for row in rows]


def _note_conflicts(conn: Connection, events: Sequence[Event]) -> None:
    conn.execute(
        """
        insert into event_conflicts (event_id, key, token, body, received_at)
        select a.event_id, a.key, a.token, decode(a.body, 'base64'), a.received_at
          from jsonb_to_recordset(%(batch)s::jsonb) as a (
                key text, event_id text, token text, body text, received_at timestamptz)
          join events as e on e.key = a.key
         where e.body_sha256 <> sha256(decode(a.body, 'base64'))
        on conflict do nothing
        """,
        {"batch": json.dumps([_document(event) for event in events])},
    )


def _document(event: Event) -> dict[str, object]:
    return {
        "key": event.key,
        "event_id": event.event_id,
        "kind": event.kind,
        "provenance": event.provenance,
        "account_sid": event.account_sid,
        "sids": event.sids,
        "path": event.path,
        "query": event.query,
        "content_type": event.content_type,
        "token": event.token,
        "answer": event.answer,
        "body": b64encode(event.body).decode(),
        "received_at": event.received_at.isoformat(),
    }
