"""What the judge is told: by who called and who asked, by the simulated Twilio, by as-call-service's double, and by us."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

# ok: a promise was made. no: it was refused. perhaps: no whole answer, or a 5xx: nobody can know.
Outcome = Literal["ok", "no", "perhaps"]


@dataclass(frozen=True, slots=True)
class Rang:
    """Somebody has called the business of life `place`."""

    sid: str
    place: int


@dataclass(frozen=True, slots=True)
class Wished:
    """A client has asked something of the call `about`, or to `place` one from the business of life `place`.

    `id`: what was answered, our name for the placed call or for the wish.
    """

    what: Literal["end", "redirect", "place"]
    place: int
    about: str
    outcome: Outcome
    id: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """One webhook of Twilio's, however often it was tried: whether one of the tries was answered with a 2xx."""

    token: str
    kind: str
    sid: str
    status: str
    is_acked: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One call as Twilio has it, with the legs that it dialled. `turns`: how often somebody sent it elsewhere."""

    sid: str
    status: str
    is_over: bool
    is_bridged: bool = False
    is_rejected: bool = False
    turns: int = 0
    legs: Sequence["Line"] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """One call in our database."""

    sid: str
    parent: str | None
    status: str
    decision: str | None = None
    text_back: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a call's timeline."""

    sid: str
    step: str
    name: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to as-call-service about a call, in the order of its answers; `at_s` is when it answered."""

    sid: str
    what: Literal["incoming", "missed"]
    is_taken: bool
    at_s: float


@dataclass(frozen=True, slots=True)
class Notice:
    """One webhook-id at the subscriber."""

    id: str
    type: str
    sid: str
    contents: int = 1
    is_verified: bool = True


@dataclass(frozen=True, slots=True)
class Dialled:
    """A request to place a call that made one at Twilio; `call_id` is what the address for its callbacks says."""

    call_id: str
    sid: str
    to: str


@dataclass(frozen=True, slots=True)
class Placing:
    """One call in our database that a client wants placed."""

    id: str
    to: str
    state: str
    sid: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Books:
    """Our own. `wishes`: what became of those to turn a live call, by id; `tokens`: of every webhook that is an event."""

    calls: Mapping[str, Kept]
    steps: frozenset[Step]
    tokens: frozenset[str]
    placed: Sequence[Placing]
    wishes: Mapping[str, str]
    notices: Sequence[Notice]


@dataclass(frozen=True)
class Case:
    """Everything there is. `texts`: (business, customer) of every text that Twilio took. `broken_s`: when something was, from
    and to. `books` None: this service has none (the naive one), so nothing is asked about them.
    """

    rang: Sequence[Rang]
    wished: Sequence[Wished]
    posted: Sequence[Posted]
    lines: Mapping[str, Line]
    texts: Sequence[tuple[str, str]]
    asked: Sequence[Asked]
    dialled: Sequence[Dialled]
    books: Books | None = None
    broken_s: Sequence[tuple[float, float]] = ()
    owed: str = field(default="")
