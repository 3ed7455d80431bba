"""The words in stored events: taken out when they must not be kept. All else of an event stays as it came."""

from collections.abc import Callable
from dataclasses import replace

from psycopg import Connection

from shared.db.events import WHOLE, whole
from shared.domain.event import Event, from_record
from shared.domain.private_words import reworded, reworded_query
from shared.errors import Unreadable

# What stands in the place of an event's words; None: they stay.
Rewording = Callable[[Event], str | None]


def reword(conn: Connection, sid: str, words: Rewording) -> None:
    """Rewrites what webhooks of transcriptions said that name this SID, and the other bodies that came under their keys.

    `body_sha256` stays that of what came, so that Twilio's retry of it is still known as one.
    """
    rows = conn.execute(
        f"select {WHOLE} from events where sids @> array[%s] and kind in ('txn', 'rtt') order by key for update", (sid,)
    ).fetchall()
    for event in map(whole, rows):
        said = words(event)
        if said is not None:
            _reword(conn, event, said)


def take_out(conn: Connection, sid: str) -> None:
    """No word is left in any webhook of a transcription that names this SID, those that were set aside included."""
    reword(conn, sid, lambda event: "")
    # Few are ever set aside, so that looking into each costs nothing.
    rows = conn.execute(
        "select event_id, record from set_aside where position(%s::bytea in record) > 0 for update", (sid.encode(),)
    ).fetchall()
    for event_id, record in rows:
        try:
            event = from_record(record)
        except Unreadable:
            continue  # not even its kind is known: a person looks at it
        body = reworded(event.kind, event.content_type, event.body, lambda _: "")
        query = reworded_query(event.kind, event.query, lambda _: "")
        clean = replace(event, body=body, query=query).record()
        conn.execute("update set_aside set record = %s where event_id = %s", (clean, event_id))


def _reword(conn: Connection, event: Event, said: str) -> None:
    body = reworded(event.kind, event.content_type, event.body, lambda _: said)
    query = reworded_query(event.kind, event.query, lambda _: said)
    if (body, query) != (event.body, event.query):
        conn.execute(
            "update events set body = %s, query = %s, words_out_at = clock_timestamp() where key = %s",
            (body, query, event.key),
        )
    for event_id, other in conn.execute(
        "select event_id, body from event_conflicts where key = %s", (event.key,)
    ).fetchall():
        conn.execute(
            "update event_conflicts set body = %s, words_out_at = clock_timestamp() where event_id = %s",
            (reworded(event.kind, event.content_type, other, lambda _: said), event_id),
        )
