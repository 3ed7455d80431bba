"""What the judge is told, from three sides: who asked, our database, and the ledger of the simulated Twilio. Plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

# A job that a killed worker had in hand is on the queue again after 30 s.
RECORDED_S: Final = 40.0
# A queue's place in Redis is made again every 5 s; what is published meanwhile goes nowhere, as Celery has it.
BOUND_AGAIN_S: Final = 7.0

Door = Literal["http", "queue", "bulk"]
# ok: a promise was made. no: it was refused. perhaps: no whole answer, or a 5xx: nobody can know.
Outcome = Literal["ok", "no", "perhaps"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One text somebody wanted, under one key, however often he had to ask. `message_id` as it was answered, or ""."""

    key: str
    door: Door
    sender: str
    to: str
    body: str
    outcome: Outcome
    message_id: str = ""
    sent_ns: int = 0
    done_ns: int = 0


@dataclass(frozen=True, slots=True)
class Stopped:
    """One person who wants nothing more from `sender`: when we had said that we have it, and when it was in our database
    (0: never), both as time.time_ns()."""

    person: str
    sender: str
    acked_ns: int
    known_ns: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """One outgoing text in our database. `state` is how far we brought it, `reason` why no further.

    `retry_of`: the text whose place it takes, because Twilio had lost that one; its key is the first one's.
    """

    id: str
    key: str
    sender: str
    to: str
    body: str
    state: str
    sid: str = ""
    reason: str = ""
    status: str = ""
    retry_of: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """One message that Twilio took. `message_id` is what the address for its callbacks says, `status` where it is now,
    `is_answered` whether we were told at once.
    """

    sid: str
    message_id: str
    sender: str
    to: str
    body_sha256: str
    segments: int
    at_ns: int
    status: str = ""
    is_answered: bool = True


@dataclass(frozen=True)
class Case:
    """Everything there is. `rates`: segments a second by sender; `owed`: what was undone when the waiting ended;
    `forgotten_ns`: when Redis forgot everything.
    """

    asked: Sequence[Asked]
    texts: Sequence[Text]
    ledger: Sequence[Taken]
    stops: Sequence[Stopped] = ()
    rates: Mapping[str, float] = field(default_factory=dict)
    owed: str = ""
    forgotten_ns: Sequence[int] = ()

    def is_excused(self, asked: Asked) -> bool:
        """Redis is the only copy of what is put on the queue, until a worker has it on record."""
        return asked.door == "queue" and any(
            -BOUND_AGAIN_S <= (forgotten_ns - asked.done_ns) / 1e9 <= RECORDED_S for forgotten_ns in self.forgotten_ns
        )
