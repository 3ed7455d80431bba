"""What could not be processed and waits for a person: looked at, and put back after the code or the world was mended."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click
from psycopg import Connection
from redis import Redis

from ops.manage.context import database, json_option, redis, show
from ops.manage.records import described, named, readable, reveal_option, revealed, show_one
from shared import inbox_care, tasks
from shared.db import set_aside
from shared.db.freshness import FRESH_FOR, accept_late
from shared.db.set_aside import SetAside
from shared.domain.phone import scrubbed

_AT_ONCE: Final = 500
# What may end in a text to a customer: a call decided as missed, a text that is answered by itself, a job to send one.
_LEADS_TO_A_TEXT: Final = ("call-", "dial", "msg-in", "msg-fallback")
# How workers/contract.py begins the reason of a job that it sets aside: such a record is no event.
_JOB: Final = "sms job: "


@click.group()
def aside() -> None:
    """Events and jobs that were set aside."""


@aside.command(name="list")
@click.option("--all", "is_all", is_flag=True, help="Also those that were replayed.")
@click.option("--reason", default="", help="Only where this occurs in the reason.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@json_option
def list_(is_all: bool, reason: str, limit: int, as_json: bool) -> None:
    """What waits for a person, the oldest first. Nothing personal."""
    with database() as conn:
        found = set_aside.page(conn, limit=limit, reason=reason, is_redriven_too=is_all)
    show([_row(row) for row in found], as_json=as_json)


def _row(row: SetAside) -> dict[str, Any]:
    kind = {"kind": "sms-job"} if row.reason.startswith(_JOB) else {}
    facts = {"tries": row.tries, "aside_s": round(_age(row.at).total_seconds(), 1), "replayed_at": row.redriven_at}
    return {"id": row.event_id, **named(row.record), **kind, **facts, "reason": scrubbed(row.reason)}


@aside.command(name="show")
@click.argument("event_id")
@reveal_option
@json_option
def show_(event_id: str, reveal: bool, as_json: bool) -> None:
    """All about one record but what was posted."""
    with database() as conn:
        row = _found(conn, event_id)
    told = described(row.record) | _row(row)
    show_one(told | (revealed(row.record) if reveal else {}), as_json=as_json)


def _found(conn: Connection, event_id: str) -> SetAside:
    row = set_aside.find(conn, event_id)
    if row is None:
        raise click.ClickException(f"{event_id} was not set aside")
    return row


@aside.command()
@click.option("--id", "ids", multiple=True, help="Repeatable; also one that was replayed before.")
@click.option("--reason", default="", help="All in whose reason this occurs.")
@click.option("--all", "is_all", is_flag=True, help="Everything that waits.")
@click.option("--even-stale", is_flag=True, help="Also what is over an hour old and may end in a text to a customer.")
@json_option
def replay(ids: tuple[str, ...], reason: str, is_all: bool, even_stale: bool, as_json: bool) -> None:
    """Put records back into the inbox (jobs: into their queue), from where they go the usual way.

    One is marked as replayed only when it is there; what fails again is listed again.
    """
    if sum(map(bool, (ids, reason, is_all))) != 1:
        raise click.UsageError("say which: --id ID, repeatable, or --reason TEXT, or --all")
    replayed, stale = 0, list[str]()
    with redis() as client, database(autocommit=True) as conn:
        for rows in [[_found(conn, event_id) for event_id in ids]] if ids else _pages(conn, reason):
            fresh = [row for row in rows if even_stale or not _is_stale(row)]
            stale += [row.event_id for row in rows if row not in fresh]
            if even_stale:
                accept_late(conn, [sid for row in rows if _is_stale(row) for sid in _sids(row)])
            _put_back(client, fresh)
            replayed += set_aside.mark_redriven(conn, fresh)
    if as_json:
        click.echo(json.dumps({"replayed": replayed, "stale": stale}))
    else:
        click.echo(f"{replayed} replayed")
        for event_id in stale:
            click.echo(f"left: {event_id} is old and may end in a text to a customer (--even-stale replays it)")
    if stale:
        raise SystemExit(1)


def _pages(conn: Connection, reason: str) -> Iterator[Sequence[SetAside]]:
    """Those set aside until now: one that fails again at once does not come round again."""
    ((until,),) = conn.execute("select clock_timestamp()").fetchall()
    after = None
    while rows := set_aside.page(conn, limit=_AT_ONCE, reason=reason, after=after, until=until):
        yield rows
        after = (rows[-1].at, rows[-1].event_id)


def _put_back(client: Redis, rows: Sequence[SetAside]) -> None:
    events = {row.event_id: row.record for row in rows if not row.reason.startswith(_JOB)}
    if events:
        inbox_care.put_back(client, events)
    for row in rows:
        if row.event_id not in events:
            # By the record's own id: the job is one text, however often it is replayed.
            job, queue = json.loads(row.record), tasks.SMS_JOBS
            client.lpush(queue, tasks.message(tasks.SMS_CONTRACT, [job], queue, task_id=row.event_id))


def _is_stale(row: SetAside) -> bool:
    if row.reason.startswith(_JOB):
        return _age(row.at) > FRESH_FOR
    event = readable(row.record)
    return event is not None and event.kind.startswith(_LEADS_TO_A_TEXT) and _age(event.received_at) > FRESH_FOR


def _sids(row: SetAside) -> Sequence[str]:
    event = readable(row.record)
    return event.sids if event else ()


def _age(since: datetime) -> timedelta:
    return datetime.now(UTC) - since
