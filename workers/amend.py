"""Doing what the current code would have done and what is not there: that, nothing else, and once.

What is there is never changed. Every step is guarded by the same keys as the first time, so a worker that does the same
meanwhile, or a second run, finds it done.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, cast

from psycopg import Connection

from shared import log
from shared.db import calls, compared, events, jobs, notifications, shadow
from shared.db.compared import COMPARED
from shared.db.freshness import DECIDES, LEADS_TO_A_TEXT, accept_late, will_text
from shared.domain.job_kinds import JobKind
from workers.events import handle
from workers.handlers.calls import decided, reconsidered
from workers.shadow import Batch, Naming, families
from workers.shadow_diff import Difference

_TABLES = {each.table: each for each in COMPARED}


class _TooLate(Exception):
    """A customer would be texted about something long past."""


@dataclass(frozen=True, slots=True)
class Amended:
    """`done` is made true; `skipped` would text a customer too late; `left` differs still, skipped or not merely missing."""

    done: list[Difference]
    skipped: list[Difference]
    left: list[Difference]


def amend(
    conn: Connection, found: Batch, again: Callable[[], Batch | None], named: Naming, *, fresh_for: timedelta | None
) -> Amended:
    """Redoes what is missing in this batch: first the events that nobody processed, then, looked at `again`, single rows.

    What would text a customer about an event older than `fresh_for` is skipped; None: it is done all the same. Where an
    event is skipped, its family is left as it is: the event's own handler shall find it so later. `conn` is in autocommit
    mode; each event's part is one transaction.
    """
    done, skipped = list[Difference](), list[Difference]()
    batch: Batch | None = found
    if fresh_for is None:
        accept_late(conn, _subjects(found))
    family = families(found.members)
    for are_events in (True, False):
        untouched = {family[difference.key] for difference in skipped}
        differences = batch.differences if batch else []
        missing = [d for d in differences if d.is_missing and (d.table == "events") is are_events]
        missing = [d for d in missing if family.get(d.key) not in untouched]
        # In the order in which things happened: whoever is told hears of a call before hearing that it was missed.
        missing.sort(key=lambda difference: (difference.at or datetime.max.replace(tzinfo=UTC), difference.key))
        for _, together in groupby(missing, key=attrgetter("key")):
            _do(conn, list(together), named, fresh_for, done, skipped)
        if missing:  # done by us, or by somebody who was faster
            batch = again()
    return Amended(done, skipped, list(batch.differences) if batch else [])


def _subjects(batch: Batch) -> list[str]:
    """Whose families lack something; a row that no event would make names its subject last."""
    family = families(batch.members)
    lacking = [difference.key for difference in batch.differences if difference.is_missing]
    touched = {family[key] for key in lacking if key in family}
    of_events = [sid for key, member in batch.members.items() if family[key] in touched for sid in member.sids]
    return of_events + [key.split(" ")[-1] for key in lacking if key not in family]


def _do(
    conn: Connection,
    together: Iterable[Difference],
    named: Naming,
    fresh_for: timedelta | None,
    done: list[Difference],
    skipped: list[Difference],
) -> None:
    """What one event would have done, in one transaction."""
    mended, late = list[Difference](), list[Difference]()
    with conn.transaction():
        for difference in together:
            try:
                with conn.transaction():
                    if _mend(conn, difference, named, is_stale=_is_stale(difference, fresh_for)):
                        mended.append(difference)
            except _TooLate:
                late.append(difference)
    for difference in mended:
        log.get().info("replay_applied", key=difference.key, what=difference.what, would_be=difference.would_be)
    for difference in late:
        log.get().warning("replay_skipped", key=difference.key, what=difference.what, reason="stale")
    done += mended
    skipped += late


def _is_stale(difference: Difference, fresh_for: timedelta | None) -> bool:
    if fresh_for is None:
        return False
    return difference.at is None or datetime.now(UTC) - difference.at > fresh_for


def _mend(conn: Connection, difference: Difference, named: Naming, *, is_stale: bool) -> bool:
    """False: it is there by now, or not ours to make. Raises _TooLate."""
    if difference.table == "events":
        return _process(conn, difference.key, named, is_stale=is_stale)
    row = dict(difference.row or {})
    if difference.column is not None:
        return difference.column == "decision" and _decide(conn, row)
    if difference.table == "notifications":
        return _notify(conn, row, is_stale=is_stale)
    if difference.table == "jobs":
        return _promise(conn, row, is_stale=is_stale)
    return compared.put_missing(conn, _TABLES[difference.table], row)


def _decide(conn: Connection, row: Mapping[str, Any]) -> bool:
    """With what becomes of its text as things are here: the row that would be knows of no other."""
    events.take_turn(conn)
    call = calls.lock(conn, row["call_sid"])
    return call is not None and decided(conn, call, row["decision"])


def _process(conn: Connection, key: str, named: Naming, *, is_stale: bool) -> bool:
    """The event's own handler, now; with what it leads to, or not at all."""
    events.take_turn(conn)
    event = shadow.unfinished(conn, key)
    if event is None:
        return False
    outcome = handle(conn, named(event))
    if is_stale and will_text(conn, event.sids):
        raise _TooLate
    events.finish(conn, {event.event_id: outcome})
    return True


def _notify(conn: Connection, row: dict[str, object], *, is_stale: bool) -> bool:
    type_ = str(row["type"])
    if is_stale and type_ in LEADS_TO_A_TEXT:
        raise _TooLate
    data = cast("dict[str, object]", row["data"])
    if type_ == "call.missed":
        data = data | {"text_back": reconsidered(conn, str(row["subject"]))}
    return notifications.notify(
        conn, type_, subject=str(row["subject"]), tenant_id=cast("str | None", row["tenant_id"]),
        order_key=str(row["order_key"]), data=data,
    )  # fmt: skip


def _promise(conn: Connection, row: dict[str, object], *, is_stale: bool) -> bool:
    if is_stale and row["kind"] == DECIDES:
        raise _TooLate
    order_key = cast("str | None", row["order_key"])
    return jobs.promise(conn, cast("JobKind", row["kind"]), str(row["ref"]), order_key=order_key) is not None
