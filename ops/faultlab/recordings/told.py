"""What the judge is told: by those who made, heard and deleted, by the simulated Twilio, by the store, and by us."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ops.faultlab.found import Notice

# ok: a promise was made. no: it was refused. perhaps: no whole answer, or a 5xx: nobody can know.
Outcome = Literal["ok", "no", "perhaps"]
Damage = Literal["flip", "truncate", "missing"]


@dataclass(frozen=True, slots=True)
class Brought:
    """A recording that was made at Twilio; `fate` says what is meant to become of it."""

    sid: str
    place: int
    fate: str


@dataclass(frozen=True, slots=True)
class Wished:
    """Something asked of the service about a recording, however often; times are time.time_ns()."""

    what: Literal["delete", "hold", "lift", "class"]
    about: str
    outcome: Outcome
    sent_ns: int
    done_ns: int


@dataclass(frozen=True, slots=True)
class Planted:
    """Damage done to the object `key`. `is_quiet`: when nobody listens any more, so that only a look at everything finds it."""

    damaged: str
    key: str
    kind: Damage
    at_ns: int
    is_quiet: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer to a listener. `status` 0: none. `length` is its Content-Length, `received` what came, `sha256` of that.
    `first` and `last` are the bytes it asked for (-1: all), `expected` the SHA-256 that those have at Twilio.
    """

    heard: str
    purpose: str
    status: int
    length: int
    received: int
    sha256: str
    sent_ns: int
    done_ns: int
    first: int = -1
    last: int = -1
    expected: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether all came that was said to come."""
        return self.status in (200, 206) and self.received == self.length


@dataclass(frozen=True, slots=True)
class Made:
    """One recording as Twilio has it. `sha256` is of what is to be stored; `deleted_ns` 0: it is there."""

    sid: str
    status: str
    sha256: str
    deleted_ns: int = 0
    elsewhere_with_credentials: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """One recording in our database. `times` are of its states in their order, 0 where it has none."""

    sid: str
    state: str
    sha256: str
    object_key: str
    copy: int
    damage: str
    times: dict[str, int]


@dataclass(frozen=True, slots=True)
class Lying:
    """One object in the store, as it is read back."""

    key: str
    sha256: str
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Deletion:
    """What we have of a deletion: 0 where it has not come so far. `receipts` are the places that have one."""

    sid: str
    asked_ns: int
    begun_ns: int
    done_ns: int
    receipts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Audited:
    """One row of the audit that has a purpose."""

    action: str
    subject: str
    purpose: str


@dataclass(frozen=True)
class Case:
    """Everything there is. `alarmed` are recordings that were found damaged, `verified` those of them that the operator's
    tool has found, `uploads` what is begun in the store and not
    ended, `owed` what was undone when the waiting ended.
    """

    brought: Sequence[Brought]
    wished: Sequence[Wished]
    planted: Sequence[Planted]
    heard: Sequence[Heard]
    made: Sequence[Made]
    kept: Sequence[Kept]
    lying: Sequence[Lying]
    deletions: Sequence[Deletion]
    notices: Sequence[Notice]
    audited: Sequence[Audited]
    alarmed: Sequence[str] = ()
    verified: Sequence[str] = ()
    released: Sequence[str] = ()
    uploads: Sequence[str] = ()
    owed: str = field(default="")
