"""The kinds of work we promise. The schema repeats them as a CHECK; a test compares."""

from typing import Literal

JobKind = Literal[
    "sms.send", "bulk.expand", "call.end", "call.settle", "call.control", "call.place", "recording.fetch",
    "recording.expect", "recording.release", "recording.delete", "transcription.request",
    "transcription.settle", "deliver", "as-call", "replay.expand",
]  # fmt: skip
