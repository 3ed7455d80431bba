"""Deletions of recordings: asked for, begun, done. From the moment one is asked for, nobody hears the recording any more."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg import Connection
from psycopg.rows import class_row

from shared.db import audit, jobs, recording_holds, recordings, transcriptions
from shared.errors import OnHold

Reason = Literal["retention", "request", "privacy"]


@dataclass(frozen=True, slots=True)
class Deletion:
    """Until `begun_at` a legal hold still stops it; until `done_at` a copy of it may be left."""

    recording_sid: str
    reason: Reason
    note: str | None
    asked_by: str
    asked_at: datetime
    begun_at: datetime | None
    done_at: datetime | None


def ask(
    conn: Connection,
    recording_sid: str,
    *,
    reason: Reason,
    asked_by: str,
    note: str | None = None,
    purpose: str | None = None,
    request_id: str | None = None,
) -> bool:
    """It will be deleted, here and at Twilio, and is served to nobody from now on. False if that was asked for before.

    Raises OnHold.
    """
    lock(conn, recording_sid)
    if find(conn, recording_sid) is not None:
        return False
    recording_holds.no_new(conn)
    if recording_holds.is_held(conn, recording_sid):
        raise OnHold
    conn.execute(
        "insert into recording_deletions (recording_sid, reason, note, asked_by) values (%s, %s, %s, %s)",
        (recording_sid, reason, note, asked_by),
    )
    promise(conn, recording_sid)
    audit.note(
        conn, "recording.delete_asked", actor=asked_by, subject=recording_sid, purpose=purpose, request_id=request_id,
        tenant_id=recordings.tenant_of(conn, recording_sid), detail={"reason": reason} | ({"note": note} if note else {}),
    )  # fmt: skip
    return True


def promise(conn: Connection, recording_sid: str) -> bool:
    """Its job is due, again if it was given up. False while it is under way."""
    key = recordings.order_key(recording_sid)
    return jobs.renew(conn, "recording.delete", recording_sid, order_key=key) is not None


def lock(conn: Connection, recording_sid: str) -> None:
    """The recording's row is this transaction's."""
    conn.execute("select from recordings where recording_sid = %s for update", (recording_sid,))


def find(conn: Connection, recording_sid: str) -> Deletion | None:
    """The deletion that was asked for, if any."""
    with conn.cursor(row_factory=class_row(Deletion)) as cursor:
        return cursor.execute(
            """
            select recording_sid, reason, note, asked_by, asked_at, begun_at, done_at
              from recording_deletions where recording_sid = %s
            """,
            (recording_sid,),
        ).fetchone()


def begin(conn: Connection, recording_sid: str) -> Deletion | None:
    """From the commit on no hold helps any more. None: there is nothing to delete (any more).

    Raises OnHold while it has not begun and is held.
    """
    lock(conn, recording_sid)
    found = find(conn, recording_sid)
    if found is None or found.done_at is not None or found.begun_at is not None:
        return found if found and found.done_at is None else None
    recording_holds.no_new(conn)
    if recording_holds.is_held(conn, recording_sid):
        raise OnHold
    conn.execute("update recording_deletions set begun_at = now() where recording_sid = %s", (recording_sid,))
    return find(conn, recording_sid)


def has_begun(conn: Connection, recording_sid: str) -> bool:
    """Whether copies of it may be gone already. Who wants to count on the answer has the `lock`."""
    found = find(conn, recording_sid)
    return found is not None and found.begun_at is not None


def withdraw(conn: Connection, recording_sid: str) -> bool:
    """What the policy alone had asked for and a hold came before: it is served again. False if it has begun."""
    done = conn.execute(
        """
        delete from recording_deletions where recording_sid = %s and reason = 'retention' and begun_at is null
        """,
        (recording_sid,),
    )
    return done.rowcount == 1


def finish(conn: Connection, recording_sid: str) -> None:
    """Nothing of it is left: its words and its picture go in the transaction that says so."""
    erase_shown(conn, recording_sid)
    conn.execute(
        "update recording_deletions set done_at = now() where recording_sid = %s and done_at is null", (recording_sid,)
    )


def erase_shown(conn: Connection, recording_sid: str) -> None:
    """Deletes the waveform, and what of transcriptions was said; that there were some stays known."""
    conn.execute("delete from recording_waveforms where recording_sid = %s", (recording_sid,))
    transcriptions.erase(conn, recording_sid)


def unfinished(conn: Connection, *, limit: int) -> list[str]:
    """Recordings whose deletion was asked for, is not done, and that nobody is working on: its job was given up."""
    return [
        row[0]
        for row in conn.execute(
            """
            select d.recording_sid from recording_deletions d
             where d.done_at is null
               and not exists (select from jobs j where j.kind = 'recording.delete' and j.ref = d.recording_sid
                                                    and j.state = 'due')
             order by d.asked_at, d.recording_sid limit %s
            """,
            (limit,),
        ).fetchall()
    ]
