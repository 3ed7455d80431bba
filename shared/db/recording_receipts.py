"""Receipts: what proves that a recording was deleted, where and when, and what Twilio or the store answered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row

Place = Literal["twilio", "store"]


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """One place from which it is gone. `object_key` is empty of Twilio."""

    place: Place
    object_key: str
    at: datetime
    detail: dict[str, Any]


def keep(
    conn: Connection, recording_sid: str, place: Place, detail: Mapping[str, Any], *, object_key: str = ""
) -> None:
    """The first one stands: a second deletion finds nothing, and its answer proves nothing."""
    conn.execute(
        """
        insert into recording_receipts (recording_sid, place, object_key, detail)
        values (%(sid)s, %(place)s, %(key)s, %(detail)s)
        on conflict (recording_sid, place, object_key) do nothing
        """,
        {"sid": recording_sid, "place": place, "key": object_key, "detail": json.dumps(dict(detail), default=str)},
    )


def of(conn: Connection, recording_sid: str) -> list[StoredReceipt]:
    """All of a recording, oldest first."""
    with conn.cursor(row_factory=class_row(StoredReceipt)) as cursor:
        return cursor.execute(
            """
            select place, object_key, at, detail from recording_receipts
             where recording_sid = %s order by at, place desc, object_key
            """,
            (recording_sid,),
        ).fetchall()
