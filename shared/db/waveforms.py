"""How loud recordings are, for their pictures."""

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class Waveform:
    """`peaks`: as many for each channel, 0 to 255, one channel after the other."""

    channels: int
    peaks: bytes


def keep(conn: Connection, recording_sid: str, channels: int, peaks: bytes) -> None:
    """Keeps the peaks of a recording, in place of older ones: a second fetch may have brought another sound."""
    conn.execute(
        """
        insert into recording_waveforms (recording_sid, channels, peaks) values (%(sid)s, %(channels)s, %(peaks)s)
        on conflict (recording_sid) do update set channels = excluded.channels, peaks = excluded.peaks
        """,
        {"sid": recording_sid, "channels": channels, "peaks": peaks},
    )


def find(conn: Connection, recording_sid: str) -> Waveform | None:
    """The peaks of a recording, if it has been looked at."""
    with conn.cursor(row_factory=class_row(Waveform)) as cursor:
        return cursor.execute(
            "select channels, peaks from recording_waveforms where recording_sid = %s", (recording_sid,)
        ).fetchone()
