"""Copies that are not what was stored: marked, told, and fetched again, whoever comes upon one."""

from psycopg import Connection

from shared.db import alerts, jobs, recordings
from shared.db.recordings import Recording


def mark(conn: Connection, recording_sid: str, damage: str, *, object_key: str) -> bool:
    """This copy is served to nobody from now on, an alert is kept, and while Twilio has it, it is fetched again.

    False if that is known, if another copy has taken its place, or if it is on its way out and may well be gone.
    """
    row = conn.execute(
        """
        update recordings set damage = %(damage)s, damaged_at = now(), checked_at = now(), updated_at = now()
         where recording_sid = %(sid)s and damage is null and state in ('stored', 'provider-deleted')
           and object_key = %(key)s
           and not exists (select from recording_deletions d where d.recording_sid = recordings.recording_sid)
        returning account_sid, damaged_at, state
        """,
        {"sid": recording_sid, "damage": damage, "key": object_key},
    ).fetchone()
    if row is None:
        return False
    account_sid, at, state = row
    alerts.keep_damaged(conn, recording_sid, object_key=object_key, account_sid=account_sid, at=at)
    if state == "stored":
        fetch_again(conn, recording_sid)
    return True


def read_back(conn: Connection, recording: Recording, damage: str | None) -> bool:
    """This copy was read back now, and this was wrong with it: its alert is kept, or over if nothing is.

    False if another copy has taken its place, or if it is on its way out.
    """
    sid, key = recording.recording_sid, recording.object_key or ""
    row = conn.execute(
        """
        update recordings set checked_at = now(), damage = %(damage)s,
               damaged_at = case when %(damage)s::text is null then null else coalesce(damaged_at, now()) end
         where recording_sid = %(sid)s and copy = %(copy)s and state in ('stored', 'provider-deleted')
           and not exists (select from recording_deletions d where d.recording_sid = recordings.recording_sid)
        returning checked_at
        """,
        {"sid": sid, "copy": recording.copy, "damage": damage},
    ).fetchone()
    if row is None:
        return False
    if damage is not None:
        alerts.keep_damaged(conn, sid, object_key=key, account_sid=recording.account_sid, at=row[0])
    else:
        alerts.heal(conn, sid)
    return True


def fetch_again(conn: Connection, recording_sid: str) -> bool:
    """Promises that it is fetched once more. False while that is under way."""
    order_key = recordings.order_key(recording_sid)
    return jobs.renew(conn, "recording.fetch", recording_sid, order_key=order_key) is not None
