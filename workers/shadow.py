"""Events that were processed long ago, once more through the current code, in tables that nobody else sees.

Nothing leaves the machine: a handler gets a connection and nothing else. Nothing is committed: psycopg refuses a commit
inside `transaction(force_rollback=True)`. Each subject's whole history is replayed, not only what lies in the range: half
a history would decide differently. What follows is compared as `shared/db/compared.py` says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from psycopg import Connection, OperationalError

from shared import log
from shared.db import compared, shadow
from shared.db.compared import COMPARED, Subjects
from shared.db.shadow import Member, Range
from shared.domain.event import Event
from workers import events
from workers.handlers import calls
from workers.shadow_diff import BROKE, Difference, Made, of_event, of_table

# Events of the range in one transaction: some seconds of work, and a few megabytes with all their relatives.
BATCH: Final = 500
# An event as the current code would name it: its kind decides who handles it, its key stays.
Naming = Callable[[Event], Event]
_LAST: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction found. `cursor` is where the next one begins; `keys` all events that were replayed."""

    cursor: tuple[datetime, str]
    examined: int
    differing_events: int
    differences: list[Difference]
    members: dict[str, Member]


def one(
    conn: Connection, wanted: Range, named: Naming, *, after: tuple[datetime, str] | None, size: int = BATCH
) -> Batch | None:
    """The batch after the cursor; None when nothing is left. Leaves nothing behind.

    `conn` is in autocommit mode and the caller's alone.
    """
    with conn.transaction(force_rollback=True):
        # One view of all tables: what workers commit meanwhile is neither in the events nor in what is compared.
        shadow.hold_still(conn)
        page = shadow.page(conn, wanted, after=after, limit=size)
        if not page:
            return None
        members = _begun_here(_with_relatives(conn, wanted, page), after)
        differences = _examine(conn, members, named) if members else []
    examined = {key for key, member in members.items() if member.is_wanted}
    return Batch(
        (page[-1].received_at, page[-1].key), len(examined), _touched(members, examined, differences), differences, members
    )  # fmt: skip


def _with_relatives(conn: Connection, wanted: Range, page: Sequence[Member]) -> dict[str, Member]:
    """With every event that shares a subject with one of these, and with one of those, until nothing is new."""
    members = {member.key: member for member in page}
    known: set[str] = set()
    while new := {sid for member in members.values() for sid in member.sids} - known:
        members |= {member.key: member for member in shadow.relatives(conn, wanted, sorted(new))}
        known |= new
    return members


def _begun_here(members: dict[str, Member], after: tuple[datetime, str] | None) -> dict[str, Member]:
    """Without the families that an earlier batch has examined: those with an event of the range at or before `after`."""
    if after is None:
        return members
    family = families(members)
    seen = {
        family[member.key] for member in members.values() if member.is_wanted and (member.received_at, member.key) <= after
    }  # fmt: skip
    return {key: member for key, member in members.items() if family[key] not in seen}


def families(members: dict[str, Member]) -> dict[str, str]:
    """The name of each event's family: events that are joined by shared SIDs have one name."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while (above := leader.setdefault(name, name)) != name:
            leader[name] = leader[above]
            name = leader[name]
        return name

    for member in members.values():
        for sid in member.sids:
            leader[find(sid)] = find(member.key)
    return {key: find(key) for key in members}


def _touched(members: dict[str, Member], examined: set[str], differences: Sequence[Difference]) -> int:
    """How many of the examined events belong to a family in which something differs."""
    family = families(members)
    by_sid = {sid: family[key] for key, member in members.items() for sid in member.sids}
    touched = {family.get(d.key) or by_sid.get(d.key.split(" ")[-1].split(":")[0]) for d in differences}
    return sum(family[key] in touched for key in examined)


def _examine(conn: Connection, members: dict[str, Member], named: Naming) -> list[Difference]:
    sids = sorted({sid for member in members.values() for sid in member.sids})
    subjects = Subjects(sids, list(members), shadow.message_ids(conn, list(members), sids))
    real = {each.table: compared.rows(conn, each, subjects) for each in COMPARED}
    outcomes, made = _replay(conn, members, subjects, named)
    found = [of_event(member, outcomes[key]) for key, member in members.items()]
    differences = [difference for difference in found if difference is not None]
    for each in COMPARED:
        differences += of_table(each, real[each.table], compared.rows(conn, each, subjects), made)
    return differences


def _replay(
    conn: Connection, members: dict[str, Member], subjects: Subjects, named: Naming
) -> tuple[dict[str, str], Made]:
    """Everything that happened, in its order. Returns what would become of each event."""
    settled = shadow.settled(conn, subjects.sids)
    made = Made({key: member.received_at for key, member in members.items()}, {})
    outcomes: dict[str, str] = {}
    with shadow.history(conn, list(members)) as happened:
        shadow.enter(conn, subjects)
        for event, processed_at in happened:
            while settled and settled[0][1] < (processed_at or _LAST):
                _settle(conn, *settled.pop(0), made)
            outcomes[event.key] = _attempt(conn, event.key, lambda event=event: events.handle(conn, named(event)))
            made.decided.setdefault((event.params.get("CallSid", ""), outcomes[event.key]), event.key)
    for call_sid, at in settled:
        _settle(conn, call_sid, at, made)
    return outcomes, made


def _settle(conn: Connection, call_sid: str, at: datetime, made: Made) -> None:
    """The waiting time ran out here: that is no event, but it decided."""
    label = f"call.settle {call_sid}"
    made.times[label] = at
    if shadow.is_waiting(conn, call_sid):
        outcome = _attempt(conn, label, lambda: calls.settle(conn, call_sid))
        made.decided.setdefault((call_sid, outcome), label)


def _attempt(conn: Connection, key: str, work: Callable[[], str]) -> str:
    try:
        with conn.transaction():
            shadow.attribute(conn, key)
            return work()
    except OperationalError:
        raise
    except Exception as fault:  # noqa: BLE001 - that the current code breaks on an event is a finding
        return BROKE + log.where(fault)
