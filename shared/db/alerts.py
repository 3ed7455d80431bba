"""Alerts: what Twilio complained of, by its debugger or by using a fallback address, and recordings that never came."""

from datetime import datetime
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import dict_row

Source = Literal[
    "debugger", "call-fallback", "msg-fallback", "recording-missing", "recording-damaged", "recording-lost"
]


def keep(
    conn: Connection,
    *,
    event_key: str,
    source: Source,
    level: Literal["error", "warning"],
    code: int | None,
    account_sid: str,
    at: datetime,
    sid: str | None = None,
    resource_sid: str | None = None,
    url: str | None = None,
) -> bool:
    """Keeps one alert; False if it is known. `at` is when Twilio (or we) saw it, `url` the address it complains of."""
    done = conn.execute(
        """
        insert into alerts (event_key, source, sid, level, code, resource_sid, url, account_sid, at)
        values (%(key)s, %(source)s, %(sid)s, %(level)s, %(code)s, %(resource)s, %(url)s, %(account)s, %(at)s)
        on conflict (event_key) do nothing
        """,
        {
            "key": event_key,
            "source": source,
            "sid": sid,
            "level": level,
            "code": code,
            "resource": resource_sid,
            "url": url,
            "account": account_sid,
            "at": at,
        },
    )
    return done.rowcount == 1


def keep_damaged(conn: Connection, recording_sid: str, *, object_key: str, account_sid: str, at: datetime) -> bool:
    """Keeps the one alert that this stored copy is not what was stored; False if it is known."""
    return keep(
        conn,
        event_key=f"recording-damaged:{object_key}",
        source="recording-damaged",
        level="error",
        code=None,
        resource_sid=recording_sid,
        account_sid=account_sid,
        at=at,
    )


def of_recording(call_sid: str) -> str:
    """The key of the one alert that a call's recording is missing."""
    return f"recording-missing:{call_sid}"


def resolve(conn: Connection, event_key: str) -> bool:
    """What the alert missed has come after all. False if there is none, or it was resolved before."""
    done = conn.execute(
        "update alerts set resolved_at = now() where event_key = %s and resolved_at is null", (event_key,)
    )
    return done.rowcount == 1


def heal(conn: Connection, recording_sid: str) -> bool:
    """Another copy of a damaged recording is stored: its alerts are over. False if there were none."""
    done = conn.execute(
        """
        update alerts set resolved_at = now()
         where source = 'recording-damaged' and resource_sid = %s and resolved_at is null
        """,
        (recording_sid,),
    )
    return done.rowcount > 0


def missing_recordings(
    conn: Connection, *, tenant_id: str | None = None, is_resolved_too: bool = False, limit: int
) -> list[dict[str, Any]]:
    """Calls whose recording is missing, the last alarm first. `recording_state` is None where Twilio never named one."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select c.call_sid, c.tenant_id, c.to_number as called, c.started_at, c.ended_at, c.duration_s,
                   (select r.state from recordings r where r.call_sid = c.call_sid
                     order by r.announced_at desc limit 1) as recording_state,
                   a.code, a.at as alarmed_at, a.resolved_at
              from alerts a join calls c on c.call_sid = a.resource_sid
             where a.source = 'recording-missing' and (a.resolved_at is null or %(resolved)s)
               and (%(tenant)s::text is null or c.tenant_id = %(tenant)s)
             order by a.at desc, a.event_key limit %(limit)s
            """,
            {"tenant": tenant_id, "resolved": is_resolved_too, "limit": limit},
        ).fetchall()
