"""What was still to be told to an endpoint that is deleted: it is told nobody any more.

Locks are taken as the relay takes them when it records: deliveries by their ids, then endpoints, then jobs.
"""

from collections.abc import Sequence
from typing import Final, LiteralString

from psycopg import Connection

# Of one statement: 20,000 take a second, a fifth of what a statement may.
MOST: Final = 20_000

_CANCEL: Final[LiteralString] = """
    update deliveries set outcome = 'canceled', finished_at = now()
      from (select d.id from deliveries d where d.outcome is null and {which}
             order by d.id limit %(most)s for update) as waiting
     where deliveries.id = waiting.id
    returning deliveries.id
"""


def cancel(conn: Connection, endpoint_id: str) -> list[int]:
    """What waits for this endpoint ends as `canceled`, the first `MOST`: these deliveries, whose jobs are to be finished once
    it is deleted. Whatever is left then goes by `cancel_left`.
    """
    rows = conn.execute(_CANCEL.format(which="d.endpoint_id = %(id)s"), {"id": endpoint_id, "most": MOST})
    return [row[0] for row in rows]


def finish_jobs(conn: Connection, delivery_ids: Sequence[int]) -> None:
    """The jobs of canceled deliveries. What is under way leaves no more than its attempt."""
    conn.execute(
        """
        update jobs set state = 'done', lease_until = null, finished_at = now()
          from unnest(%s::bigint[]) as canceled (id)
         where jobs.kind in ('deliver', 'as-call') and jobs.ref = canceled.id::text and jobs.state = 'due'
        """,
        (list(delivery_ids),),
    )


def cancel_left(conn: Connection, endpoint_id: str | None = None) -> int:
    """As `cancel`, for every deleted endpoint or this one: what was promised in the moment in which it was deleted, or was too
    much. How many, at most `MOST`.
    """
    which: LiteralString = """
        d.endpoint_id in (
            select id from endpoints where deleted_at is not null and (%(id)s::text is null or id = %(id)s))
    """
    rows = conn.execute(_CANCEL.format(which=which), {"id": endpoint_id, "most": MOST}).fetchall()
    finish_jobs(conn, [row[0] for row in rows])
    return len(rows)
