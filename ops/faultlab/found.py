"""What is there in the end: rows, notices that consumers got, states. Plain values, so that a test can write its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """One stored event."""

    key: str
    body_sha256: str


@dataclass(frozen=True, slots=True)
class SetAside:
    """One record that was put away for a person; `text` is the record as it lies there."""

    event_id: str
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One webhook-id at one consumer: how often it came, and how many different contents it had."""

    consumer: str
    id: str
    type: str
    sid: str
    attempts: int = 1
    contents: int = 1
    is_verified: bool = True


@dataclass(frozen=True, slots=True)
class ToldAsCall:
    """How often as-call-service was told of a call, and that it was missed."""

    incoming: int
    missed: int


@dataclass(frozen=True)
class Found:
    """`notices` None: this service has no consumers (the naive one), so nothing is asked about effects and states."""

    rows: Sequence[Row]
    set_aside: Sequence[SetAside] = ()
    notices: Sequence[Notice] | None = None
    message_status: Mapping[str, str] = field(default_factory=dict)
    call_status: Mapping[str, str] = field(default_factory=dict)
    told_as_call: Mapping[str, ToldAsCall] = field(default_factory=dict)
    owed: str = ""
    """What was still undone when the waiting ended; "" when everything had settled."""
