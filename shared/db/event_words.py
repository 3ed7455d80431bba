"""The words in stored events: taken out when they must not be kept. All else of an event stays as it came."""

from collections.abc import Callable

from psycopg import Connection

from shared.db.events import WHOLE, whole
from shared.domain.event import Event
from shared.domain.private_words import reworded, reworded_query

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
