"""Recordings as their listeners look at them: whose they are, what holds or ends them, what there is besides the sound."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import class_row

from shared.db.ids import as_uuid
from shared.db.recording_holds import IS_HELD
from shared.domain.status import RECORDING_HAD

_SELECT: LiteralString = f"""
    select r.recording_sid, r.call_sid, r.account_sid, r.state, r.duration_s, r.channels, r.source, r.object_key,
           r.content_type, r.size_bytes, r.sha256, r.blocks, r.retention_class, r.damage, r.damaged_at, r.checked_at,
           r.error_reason, r.announced_at, r.available_at, r.fetched_at, r.verified_at, r.stored_at, r.absent_at,
           r.failed_at, r.provider_deleted_at, r.deleted_at, owner.tenant_id, d.asked_at as deletion_asked_at,
           {IS_HELD} as is_held,
           exists (select from recording_waveforms w where w.recording_sid = r.recording_sid) as has_waveform,
           exists (select from transcriptions t where t.recording_sid = r.recording_sid) as has_transcription
"""
# A leg belongs to whom the call belongs to: its own numbers may be nobody's.
_SURROUNDINGS: LiteralString = """
      left join lateral (
          select coalesce(c.tenant_id, p.tenant_id) as tenant_id, c.parent_call_sid
            from calls c left join calls p on p.call_sid = c.parent_call_sid
           where c.call_sid = r.call_sid
      ) owner on true
      left join recording_deletions d on d.recording_sid = r.recording_sid
"""
_ALL: LiteralString = f"{_SELECT} from recordings r {_SURROUNDINGS}"

_WANTED: LiteralString = """
    (%(call_sid)s::text is null or r.call_sid = %(call_sid)s)
      and (%(state)s::text is null or r.state = %(state)s)
      and (%(since)s::timestamptz is null or r.announced_at >= %(since)s)
      and (%(until)s::timestamptz is null or r.announced_at < %(until)s)
      and (%(damaged)s::boolean is null or (r.damage is not null) = %(damaged)s)
      and (%(at)s::timestamptz is null or (r.announced_at, r.recording_sid) < (%(at)s, %(sid)s))
"""
_IN_ORDER: LiteralString = "order by r.announced_at desc, r.recording_sid desc limit"
# The newest of everybody's, and of those the tenant's: a page of one who has many is among them.
_NEWEST: LiteralString = f"""
    {_SELECT} from (select * from recordings r where {_WANTED} {_IN_ORDER} %(among)s) r {_SURROUNDINGS}
     where (%(tenant)s::text is null or owner.tenant_id = %(tenant)s) {_IN_ORDER} %(limit)s
"""
# How many there are to look among, of `among` at most: fewer, and there are no others.
_HOW_MANY: LiteralString = f"""
    select count(*) from (select from recordings r where {_WANTED} {_IN_ORDER} %(among)s) newest
"""
# From the tenant's calls to their recordings: soon done for one who has few, wherever they lie among the others'.
_OF_TENANT: LiteralString = f"""
    with own as materialized (
        select call_sid from calls where tenant_id = %(tenant)s
        union all
        select leg.call_sid from calls call join calls leg on leg.parent_call_sid = call.call_sid
         where call.tenant_id = %(tenant)s and leg.tenant_id is null)
    {_SELECT} from recordings r {_SURROUNDINGS}
     where r.call_sid in (select call_sid from own) and {_WANTED} {_IN_ORDER} %(limit)s
"""
# Looked through for a tenant's page, before their calls are: some 10 ms, and enough for whoever has one in forty.
_AMONG: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingOverview:
    """One recording with what surrounds it. `tenant_id` is its call's."""

    recording_sid: str
    call_sid: str
    account_sid: str
    state: str
    duration_s: int | None
    channels: int | None
    source: str | None
    object_key: str | None
    content_type: str | None
    size_bytes: int | None
    sha256: bytes | None
    blocks: bytes | None
    retention_class: str | None
    damage: str | None
    damaged_at: datetime | None
    checked_at: datetime | None
    error_reason: str | None
    announced_at: datetime
    available_at: datetime | None
    fetched_at: datetime | None
    verified_at: datetime | None
    stored_at: datetime | None
    absent_at: datetime | None
    failed_at: datetime | None
    provider_deleted_at: datetime | None
    deleted_at: datetime | None
    tenant_id: str | None
    deletion_asked_at: datetime | None
    is_held: bool
    has_waveform: bool
    has_transcription: bool

    @property
    def is_gone(self) -> bool:
        """It is deleted, or somebody has asked for that: nobody hears, sees or reads any of it."""
        return self.state == "deleted" or self.deletion_asked_at is not None

    @property
    def is_playable(self) -> bool:
        """Its sound is with us, intact as far as is known, and nobody has asked for its deletion."""
        return self.state in RECORDING_HAD and self.deletion_asked_at is None and self.damage is None


def find(conn: Connection, recording_sid: str) -> RecordingOverview | None:
    """By Twilio's RecordingSid."""
    with conn.cursor(row_factory=class_row(RecordingOverview)) as cursor:
        return cursor.execute(f"{_ALL} where r.recording_sid = %s", (recording_sid,)).fetchone()


def by_key(conn: Connection, object_key: str) -> RecordingOverview | None:
    """The recording whose newest copy is this object."""
    with conn.cursor(row_factory=class_row(RecordingOverview)) as cursor:
        return cursor.execute(f"{_ALL} where r.object_key = %s", (object_key,)).fetchone()


def newest(conn: Connection, call_id: str) -> RecordingOverview | None:
    """Of a call (our id or its CallSid) the newest recording that can be heard, else that was had, else the newest."""
    return max(of_call(conn, call_id), key=lambda row: (row.is_playable, row.state in RECORDING_HAD), default=None)


def of_call(conn: Connection, call_id: str) -> list[RecordingOverview]:
    """All recordings of a call, by our id or its CallSid, and of the legs below it; the newest first."""
    with conn.cursor(row_factory=class_row(RecordingOverview)) as cursor:
        return cursor.execute(
            f"""
            {_ALL}
             where r.call_sid in (
                 select leg.call_sid from calls call
                   join calls leg on leg.call_sid = call.call_sid or leg.parent_call_sid = call.call_sid
                  where call.call_sid = %(sid)s or call.id = %(id)s)
             order by r.announced_at desc, r.recording_sid desc
            """,
            {"sid": call_id, "id": as_uuid(call_id)},
        ).fetchall()


def page(
    conn: Connection, filters: Mapping[str, Any], *, limit: int, after: tuple[datetime, str] | None
) -> list[RecordingOverview]:
    """Recordings by these filters (`_FILTERS`, `tenant_id`, `owner`; None is no filter), newest first, behind the row `after`.

    `owner` is the tenant beyond whom the caller sees nothing.
    """
    at, sid = after or (None, None)
    owner, tenant = filters.get("owner"), filters.get("tenant_id")
    if owner is not None and tenant not in (None, owner):
        return []
    whose = tenant if owner is None else owner
    asked = {name: filters.get(name) for name in _FILTERS} | {
        "tenant": whose, "limit": limit, "at": at, "sid": sid, "among": limit if whose is None else max(limit, _AMONG),
    }  # fmt: skip
    with conn.cursor(row_factory=class_row(RecordingOverview)) as cursor:
        rows = cursor.execute(_NEWEST, asked).fetchall()
        if whose is None or len(rows) >= limit or not _are_more(conn, asked):
            return rows
        return cursor.execute(_OF_TENANT, asked).fetchall()


def _are_more(conn: Connection, asked: Mapping[str, Any]) -> bool:
    """Whether older ones may be wanted than were looked through."""
    row = conn.execute(_HOW_MANY, asked).fetchone()
    return row is None or row[0] >= asked["among"]


_FILTERS: Final = ("call_sid", "state", "since", "until", "damaged")
