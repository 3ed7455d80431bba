"""What of a life in our tables follows from its events alone, and so can be compared with what they would lead to now.

Left out on purpose: times and generated ids; words that people said, which a diff would show; what depends on today's
reference data (tenants, who subscribes, and so deliveries and their jobs); what our own requests to Twilio bring about
(`sms.send`, `call.end` and what they notify).
A table that is added to the schema is added here by one line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.types.json import Jsonb

from shared.domain.status import CALL_RANK, MESSAGE_RANK, RECORDING_RANK

Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Subjects:
    """Whose rows are meant: Twilio's SIDs, the keys of their events, and our ids of the texts they belong to."""

    sids: Sequence[str]
    keys: Sequence[str]
    message_ids: Sequence[str]

    @property
    def told_of(self) -> list[str]:
        """What notifications about them may be about; a call's steps each have a subject of their own."""
        steps = [f"{sid}:{status}" for sid in self.sids if sid.startswith("CA") for status in CALL_RANK]
        return [*self.sids, *steps, *self.message_ids]


@dataclass(frozen=True, slots=True)
class Compared:
    """One table. `ranks`: columns in which the real row may be further along, because workers move it on.

    `others`: rows that others than events make too (by key prefix): only their absence is a difference.
    """

    table: LiteralString
    key: LiteralString
    subjects: LiteralString
    columns: tuple[str, ...] = ()
    ranks: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    others: tuple[str, ...] = ()


COMPARED: Final = (
    Compared("calls", "call_sid", "call_sid = any(%(sids)s)",
             ("status", "route", "direction", "parent_call_sid", "dial_status", "dial_bridged", "duration_s", "answered_by",
              "decision")),
    # Of an outgoing text Twilio's answers to our own requests report too; they only lead further.
    Compared("messages", "coalesce(message_sid, id::text)",
             "message_sid = any(%(sids)s) or id = any(%(message_ids)s::uuid[])", ("direction", "status", "opt_out_type"),
             ranks={"status": MESSAGE_RANK}),
    # By its call too: a voicemail names its recording in a URL, which is no SID that its event is found by.
    Compared("recordings", "recording_sid", "recording_sid = any(%(sids)s) or call_sid = any(%(sids)s)",
             ("call_sid", "state"), ranks={"state": RECORDING_RANK}),
    Compared("call_inputs", "event_key", "event_key = any(%(keys)s)", ("is_partial", "sequence")),
    Compared("transcriptions", "transcription_sid", "transcription_sid = any(%(sids)s)",
             ("status", "call_sid", "recording_sid", "error_code")),
    Compared("transcription_parts", "concat_ws(' ', transcription_sid, track, sequence)",
             "transcription_sid = any(%(sids)s)", ("is_final",)),
    Compared("alerts", "event_key", "event_key = any(%(keys)s)", ("source", "level", "code")),
    Compared("jobs", "kind || ' ' || ref",
             "ref = any(%(sids)s) and kind not in ('sms.send', 'call.end', 'deliver', 'as-call')",
             others=("recording.fetch ",)),
    Compared("notifications", "type || ' ' || subject", "subject = any(%(told_of)s)",
             others=("sms.queued ", "sms.failed ", "recording.available ", "recording.failed ",
                     "transcription.completed ", "transcription.failed ")),
)  # fmt: skip


def rows(conn: Connection, compared: Compared, subjects: Subjects) -> Rows:
    """The subjects' rows of one table by their key, in the schema that the connection looks at."""
    return dict(
        conn.execute(
            f"select {compared.key}, to_jsonb(t) from {compared.table} as t where {compared.subjects}",
            {
                "sids": list(subjects.sids),
                "keys": list(subjects.keys),
                "message_ids": list(subjects.message_ids),
                "told_of": subjects.told_of,
            },
        ).fetchall()
    )


def put_missing(conn: Connection, compared: Compared, row: Mapping[str, Any]) -> bool:
    """Inserts a row as it would be. False if there is one by now."""
    done = conn.execute(
        f"""
        insert into {compared.table} select * from jsonb_populate_record(null::{compared.table}, %s)
        on conflict do nothing
        """,
        (Jsonb(dict(row)),),
    )
    return done.rowcount == 1
