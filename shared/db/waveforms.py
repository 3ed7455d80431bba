"""How loud recordings are, for their pictures."""

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class Waveform:
    """`peaks`: as many for each channel, 0 to 255, one channel after the other."""

    channels: int
    peaks: bytes


def find(conn: Connection, recording_sid: str) -> Waveform | None:
    """The peaks of a recording, if it has been looked at."""
    with conn.cursor(row_factory=class_row(Waveform)) as cursor:
        return cursor.execute(
            "select channels, peaks from recording_waveforms where recording_sid = %s", (recording_sid,)
        ).fetchone()
