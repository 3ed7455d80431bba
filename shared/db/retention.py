"""Retention classes, and which recordings are due to go. The rows are asked when somebody looks: no due date is kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import class_row

from shared.db.recording_holds import IS_HELD
from shared.domain import retention
from shared.domain.retention import Policy

EVERYBODY: Final = ""  # the tenant of rows for all who have none of their own


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """How long a tenant's recordings of a class are kept, as `Policy` tells."""

    tenant_id: str
    class_: str
    keep_days: int | None
    twilio_days: int | None
    changed_by: str
    changed_at: datetime

    @property
    def policy(self) -> Policy:
        """What it says."""
        return Policy(self.keep_days, self.twilio_days)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the policy of one recording is asked with. `began_at`: when it began, or else when we first heard of it."""

    recording_sid: str
    tenant_id: str | None
    class_: str
    began_at: datetime
    stored_at: datetime | None
    policy: Policy


@dataclass(frozen=True, slots=True)
class Due:
    """A recording that is to go. `since`: the moment from which its days count."""

    recording_sid: str
    tenant_id: str | None
    class_: str
    days: int
    since: datetime


_COLUMNS: Final[LiteralString] = "tenant_id, class as class_, keep_days, twilio_days, changed_by, changed_at"

# Each recording with its policy, by the rule of shared/domain/retention.py.
_KEPT: Final[LiteralString] = """
    with kept as (
        select r.recording_sid, r.call_sid, r.state, r.damage, r.stored_at, coalesce(r.started_at, r.announced_at) as began_at,
               coalesce(c.tenant_id, root.tenant_id) as tenant_id,
               coalesce(r.retention_class, case when r.source = 'RecordVerb' then 'voicemail' else 'call' end) as class_
          from recordings r
          left join calls c on c.call_sid = r.call_sid
          left join calls root on root.call_sid = c.parent_call_sid),
    r as (
        select kept.*, case when said.class is null then %(keep_days)s::int else said.keep_days end as keep_days,
               case when said.class is null then %(twilio_days)s::int else said.twilio_days end as twilio_days
          from kept left join lateral (
               select class, keep_days, twilio_days from retention_classes k
                where k.class = kept.class_ and k.tenant_id in (coalesce(kept.tenant_id, ''), '')
                order by k.tenant_id = '' limit 1) as said on true)
"""


def page(conn: Connection, *, tenant_id: str | None = None) -> list[RetentionClass]:
    """All classes, of one tenant or of all, by name."""
    with conn.cursor(row_factory=class_row(RetentionClass)) as cursor:
        return cursor.execute(
            f"""
            select {_COLUMNS} from retention_classes
             where %(tenant)s::text is null or tenant_id = %(tenant)s order by tenant_id, class
            """,
            {"tenant": tenant_id},
        ).fetchall()


def find(conn: Connection, tenant_id: str, class_: str) -> RetentionClass | None:
    """The row of exactly this tenant, or of EVERYBODY."""
    with conn.cursor(row_factory=class_row(RetentionClass)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from retention_classes where tenant_id = %s and class = %s", (tenant_id, class_)
        ).fetchone()


def put(conn: Connection, tenant_id: str, class_: str, policy: Policy, *, changed_by: str) -> RetentionClass:
    """In place of what the class said before; in force at once, for what is stored already too."""
    with conn.cursor(row_factory=class_row(RetentionClass)) as cursor:
        row = cursor.execute(
            f"""
            insert into retention_classes (tenant_id, class, keep_days, twilio_days, changed_by)
            values (%(tenant)s, %(class)s, %(keep)s, %(twilio)s, %(by)s)
            on conflict (tenant_id, class) do update set
                keep_days = excluded.keep_days, twilio_days = excluded.twilio_days, changed_by = excluded.changed_by,
                changed_at = now()
            returning {_COLUMNS}
            """,
            {
                "tenant": tenant_id,
                "class": class_,
                "keep": policy.keep_days,
                "twilio": policy.twilio_days,
                "by": changed_by,
            },
        ).fetchone()
    assert row is not None  # an upsert returns its row
    return row


def remove(conn: Connection, tenant_id: str, class_: str) -> bool:
    """The class is as everybody's again, or as the settings have it. False: there was no such row."""
    return (
        conn.execute("delete from retention_classes where tenant_id = %s and class = %s", (tenant_id, class_)).rowcount
        == 1
    )


def set_class(conn: Connection, recording_sid: str, class_: str | None) -> bool:
    """The class of one recording, by hand; None: by how it was made. False: it has it already."""
    return (
        conn.execute(
            """
            update recordings set retention_class = %(class)s, updated_at = now()
             where recording_sid = %(sid)s and retention_class is distinct from %(class)s
            """,
            {"sid": recording_sid, "class": class_},
        ).rowcount
        == 1
    )


def of_recording(conn: Connection, recording_sid: str, by_settings: Policy) -> Kept | None:
    """How long this one is kept, as the rows have it now."""
    row = conn.execute(
        """
        select coalesce(c.tenant_id, root.tenant_id), r.retention_class, r.source, coalesce(r.started_at, r.announced_at),
               r.stored_at
          from recordings r
          left join calls c on c.call_sid = r.call_sid
          left join calls root on root.call_sid = c.parent_call_sid
         where r.recording_sid = %s
        """,
        (recording_sid,),
    ).fetchone()
    if row is None:
        return None
    tenant_id, by_hand, source, began_at, stored_at = row
    class_ = retention.class_of(by_hand, source)
    own = find(conn, tenant_id, class_) if tenant_id else None
    everybodys = find(conn, EVERYBODY, class_)
    counts = retention.policy(own and own.policy, everybodys and everybodys.policy, by_settings)
    return Kept(recording_sid, tenant_id, class_, began_at, stored_at, counts)


def over_age(conn: Connection, by_settings: Policy, *, limit: int) -> list[Due]:
    """Recordings that have been kept long enough, are not held, and whose deletion nobody has asked for; the oldest first."""
    return _due(
        conn,
        f"""
        {_KEPT}
        select recording_sid, tenant_id, class_, keep_days as days, began_at as since from r
         where began_at <= now() - make_interval(days => keep_days) and state not in ('absent', 'deleted')
           and not exists (select from recording_deletions d where d.recording_sid = r.recording_sid) and not {IS_HELD}
         order by began_at, recording_sid limit %(limit)s
        """,
        by_settings,
        limit,
    )


def to_release(conn: Connection, by_settings: Policy, *, limit: int) -> list[Due]:
    """Recordings whose copy at Twilio may go, that nobody is at; those whose last try is longest ago first."""
    return _due(
        conn,
        f"""
        {_KEPT}
        select r.recording_sid, tenant_id, class_, twilio_days as days, stored_at as since
          from r left join jobs j on j.kind = 'recording.release' and j.ref = r.recording_sid
         where stored_at <= now() - make_interval(days => twilio_days) and r.state = 'stored' and damage is null
           and (j.id is null or j.state <> 'due')
           and not exists (select from recording_deletions d where d.recording_sid = r.recording_sid) and not {IS_HELD}
         order by j.finished_at nulls first, stored_at, recording_sid limit %(limit)s
        """,
        by_settings,
        limit,
    )


def _due(conn: Connection, query: LiteralString, by_settings: Policy, limit: int) -> list[Due]:
    values: dict[str, Any] = {
        "keep_days": by_settings.keep_days, "twilio_days": by_settings.twilio_days, "limit": limit,
    }  # fmt: skip
    with conn.cursor(row_factory=class_row(Due)) as cursor:
        return cursor.execute(query, values).fetchall()
