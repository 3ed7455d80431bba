"""The kinds of work we promise. The schema repeats them as a CHECK; a test compares."""

from typing import Literal

JobKind = Literal["sms.send", "bulk.expand", "call.end", "call.settle", "recording.fetch", "deliver", "as-call"]
