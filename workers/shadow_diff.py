"""What our tables say, against what the current code would have them say: a list of differences, nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.db.compared import Compared, Rows
from shared.db.shadow import Member
from shared.domain.status import RECORDING_RANK

BROKE: Final = "broke: "
# What the row of an event says when the code of its time had no handler for it.
UNHANDLED: Final = "stored"
_THERE: Final = "there"


@dataclass(frozen=True, slots=True)
class Difference:
    """`key` is the event that would do it, or the row's own where no event would. `at`: when that event was received.

    `table`, `row` and `column` say what is different; `column` None: the whole row. `row` is the one that would be.
    """

    key: str
    what: str
    was: str | None
    would_be: str | None
    table: str
    at: datetime | None = None
    row: Mapping[str, Any] | None = None
    column: str | None = None

    @property
    def is_missing(self) -> bool:
        """Whether something is not there, rather than there and different: only that can be redone."""
        if self.would_be is None or self.would_be.startswith(BROKE):
            return False
        return self.was is None or (self.table == "events" and self.was == UNHANDLED)

    def told(self) -> dict[str, str | None]:
        """For a person or a script."""
        return {"key": self.key, "what": self.what, "was": self.was, "would_be": self.would_be}


def of_event(member: Member, would_be: str) -> Difference | None:
    """What became of an event, against what would."""
    if _same_outcome(member, would_be):
        return None
    return Difference(member.key, "outcome", member.outcome, would_be, "events", member.received_at)


def _same_outcome(member: Member, would_be: str) -> bool:
    was = member.outcome
    if was == would_be:
        return True
    if member.kind == "msg-status":
        # Which came first, this report or Twilio's answer to our own request, no event tells; where the text ended and
        # who was told of it is compared all the same.
        return {was, would_be} == {"applied", "stale"}
    if member.kind == "rec" and was is not None:
        # Its outcome is the recording's state, and the workers had moved that on.
        return RECORDING_RANK.get(was, -1) >= RECORDING_RANK.get(would_be, len(RECORDING_RANK))
    return False


def of_table(compared: Compared, real: Rows, would: Rows, made: "Made") -> Iterator[Difference]:
    """Rows that are missing, too many, or say something else."""
    for key in sorted(real.keys() | would.keys()):
        what = f"{compared.table} {key}"
        if key not in would:
            if not key.startswith(compared.others):
                yield Difference(key, what, _THERE, None, compared.table)
        elif key not in real:
            event_key = would[key].get("shadow_event") or key
            yield Difference(
                event_key, what, None, _THERE, compared.table, made.times.get(event_key), would[key]
            )  # fmt: skip
        else:
            yield from _columns(compared, key, real[key], would[key], made)


def _columns(
    compared: Compared, key: str, real: Mapping[str, Any], would: Mapping[str, Any], made: "Made"
) -> Iterator[Difference]:
    for column in compared.columns:
        was, would_be = real[column], would[column]
        if was == would_be or _is_further(compared.ranks.get(column), was, would_be):
            continue
        event_key = made.decided.get((key, str(would_be))) or would.get("shadow_event") or key
        yield Difference(
            event_key, f"{compared.table} {key} {column}", _text(was), _text(would_be), compared.table,
            made.times.get(event_key), would, column,
        )  # fmt: skip


def _is_further(ranks: Mapping[str, int] | None, was: Any, would_be: Any) -> bool:
    return ranks is not None and ranks.get(was, -1) >= ranks.get(would_be, -1)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Made:
    """Who made what: when each event was received, and which one took the decision of a call."""

    times: dict[str, datetime]
    decided: dict[tuple[str, str], str]
