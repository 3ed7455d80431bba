"""Recordings: how far each has come from Twilio into our store."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.domain.sound import Sound

State = Literal[
    "announced", "available", "fetched", "verified", "absent", "failed", "stored", "provider-deleted", "deleted"
]

_COLUMNS: LiteralString = """
    recording_sid, call_sid, account_sid, state, duration_s, channels, source, object_key, content_type, size_bytes,
    sha256, blocks, copy, retention_class, damage, checked_at, error_reason, announced_at, available_at, fetched_at,
    verified_at, stored_at, absent_at, failed_at, provider_deleted_at, deleted_at
"""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording. `sha256`, `size_bytes` and `blocks` are of the stored object, and known once it is `stored`.

    Each state has its time. `copy` counts the copies in the store, `object_key` names the newest; `damage` is what was found
    wrong with it at `checked_at`.
    """

    recording_sid: str
    call_sid: str
    account_sid: str
    state: State
    duration_s: int | None
    channels: int | None
    source: str | None
    object_key: str | None
    content_type: str | None
    size_bytes: int | None
    sha256: bytes | None
    blocks: bytes | None
    copy: int
    retention_class: str | None
    damage: str | None
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


def announce(
    conn: Connection,
    *,
    recording_sid: str,
    call_sid: str,
    account_sid: str,
    state: Literal["announced", "available", "absent", "failed"],
    duration_s: int | None = None,
    channels: int | None = None,
    source: str | None = None,
    track: str | None = None,
    started_at: datetime | None = None,
    error_code: int | None = None,
) -> Recording:
    """What Twilio said of a recording, merged into what is known; the further state stands."""
    with conn.cursor(row_factory=class_row(Recording)) as cursor:
        row = cursor.execute(
            f"""
            insert into recordings as r (recording_sid, call_sid, account_sid, state, duration_s, channels, source, track,
                                         started_at, error_code)
            values (%(sid)s, %(call)s, %(account)s, %(state)s, %(duration)s, %(channels)s, %(source)s, %(track)s,
                    %(started_at)s, %(error_code)s)
            on conflict (recording_sid) do update set
                state = case when recording_rank(excluded.state) > recording_rank(r.state)
                               or r.state = 'absent' and excluded.state = 'failed'
                             then excluded.state else r.state end,
                call_sid = coalesce(nullif(r.call_sid, ''), excluded.call_sid),
                duration_s = greatest(r.duration_s, excluded.duration_s),
                channels = greatest(r.channels, excluded.channels),
                source = coalesce(r.source, excluded.source), track = coalesce(r.track, excluded.track),
                started_at = least(r.started_at, excluded.started_at),
                error_code = greatest(r.error_code, excluded.error_code), updated_at = now()
            returning {_COLUMNS}
            """,
            {
                "sid": recording_sid,
                "call": call_sid,
                "account": account_sid,
                "state": state,
                "duration": duration_s,
                "channels": channels,
                "source": source,
                "track": track,
                "started_at": started_at,
                "error_code": error_code,
            },
        ).fetchone()
    assert row is not None  # an upsert returns its row
    return row


def advance(conn: Connection, recording_sid: str, state: State, *, reason: str | None = None) -> bool:
    """A step forward. False if it is as far or further already."""
    done = conn.execute(
        """
        update recordings set state = %(state)s, error_reason = coalesce(%(reason)s, error_reason), updated_at = now()
         where recording_sid = %(sid)s and recording_rank(%(state)s) > recording_rank(state)
        """,
        {"sid": recording_sid, "state": state, "reason": reason},
    )
    return done.rowcount == 1


def plan(conn: Connection, recording_sid: str, *, object_key: str, copy: int) -> bool:
    """Where it is about to be stored: written before the upload begins, so that nothing lies in the store unknown.

    False for one that is stored: the key it has stands until another copy is there (`mark_stored`).
    """
    done = conn.execute(
        """
        update recordings set object_key = %(key)s, copy = %(copy)s, updated_at = now()
         where recording_sid = %(sid)s and recording_rank(state) < recording_rank('stored')
        """,
        {"sid": recording_sid, "key": object_key, "copy": copy},
    )
    return done.rowcount == 1


def mark_stored(
    conn: Connection,
    recording_sid: str,
    *,
    object_key: str,
    sound: Sound,
    copy: int = 1,
    receipt: Mapping[str, Any] | None = None,
) -> bool:
    """The store has confirmed the object, with this receipt. A further copy takes the place of one that is damaged.

    False if that was recorded before.
    """
    done = conn.execute(
        """
        update recordings set state = 'stored', object_key = %(key)s, content_type = %(type)s, size_bytes = %(size)s,
                              sha256 = %(sha256)s, blocks = %(blocks)s, copy = %(copy)s, store_receipt = %(receipt)s,
                              error_reason = null, damage = null, damaged_at = null, checked_at = null, updated_at = now()
         where recording_sid = %(sid)s and (recording_rank(state) < recording_rank('stored')
               or state = 'stored' and damage is not null and copy < %(copy)s)
        """,
        {
            "sid": recording_sid,
            "key": object_key,
            "type": sound.content_type,
            "size": sound.size_bytes,
            "sha256": sound.sha256,
            "blocks": sound.blocks,
            "copy": copy,
            "receipt": Jsonb(dict(receipt or {})),
        },
    )
    return done.rowcount == 1


def keep_waveform(conn: Connection, recording_sid: str, *, channels: int, peaks: bytes) -> None:
    """How loud it is (`shared.domain.peaks`), in place of what was known."""
    conn.execute(
        """
        insert into recording_waveforms (recording_sid, channels, peaks) values (%s, %s, %s)
        on conflict (recording_sid) do update set channels = excluded.channels, peaks = excluded.peaks
        """,
        (recording_sid, channels, peaks),
    )


def is_to_go(conn: Connection, recording_sid: str) -> bool:
    """Whether its deletion was asked for: from then on it is neither fetched nor served."""
    row = conn.execute("select 1 from recording_deletions where recording_sid = %s", (recording_sid,)).fetchone()
    return row is not None


def order_key(recording_sid: str) -> str:
    """Of the jobs that fetch, release or delete it: never two of them at once."""
    return f"keep|{recording_sid}"


def find(conn: Connection, recording_sid: str) -> Recording | None:
    """By Twilio's RecordingSid."""
    with conn.cursor(row_factory=class_row(Recording)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from recordings where recording_sid = %s", (recording_sid,)
        ).fetchone()


def of_call(conn: Connection, call_sid: str) -> list[Recording]:
    """All recordings of a call, oldest first."""
    with conn.cursor(row_factory=class_row(Recording)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from recordings where call_sid = %s order by announced_at, recording_sid", (call_sid,)
        ).fetchall()


def tenant_of(conn: Connection, recording_sid: str) -> str | None:
    """Whose recording this is: the tenant of its call, or of the call that this is a leg of."""
    row = conn.execute(
        """
        select coalesce(c.tenant_id, root.tenant_id) from recordings r join calls c using (call_sid)
          left join calls root on root.call_sid = c.parent_call_sid where r.recording_sid = %s
        """,
        (recording_sid,),
    ).fetchone()
    return row[0] if row else None
