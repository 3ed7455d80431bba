"""What is acknowledged and not yet in PostgreSQL: looked at, and made due at once."""

import json
from dataclasses import asdict
from typing import Any

import click

from ops.manage.aside import aside
from ops.manage.context import json_option, redis, show
from ops.manage.records import described, named, reveal_option, revealed, show_one
from shared import inbox_care
from shared.inbox_care import Lying


@click.group()
def inbox() -> None:
    """Events in Redis that wait for PostgreSQL, and those that were set aside."""


inbox.add_command(aside)


@inbox.command(name="list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@json_option
def list_(limit: int, as_json: bool) -> None:
    """What lies in the inbox, the longest due first. Nothing personal."""
    with redis() as client:
        depth, found = inbox_care.depth(client), inbox_care.longest_due(client, limit=limit)
    rows = [_row(lying) for lying in found]
    if as_json:
        click.echo(json.dumps(asdict(depth) | {"events": rows}, indent=2))
        return
    show(rows, as_json=False)
    click.echo(
        f"{depth.stored} stored: {depth.due} due, {depth.waiting} in work or waiting for the next try, "
        f"{depth.stranded} without a due time{' (inbox replay --all gives them one)' if depth.stranded else ''}"
    )


def _row(lying: Lying) -> dict[str, Any]:
    due_in_s = None if lying.due_in_s is None else round(lying.due_in_s, 1)
    return {"id": lying.event_id, **named(lying.record), "tries": lying.tries, "due_in_s": due_in_s}


@inbox.command(name="show")
@click.argument("event_id")
@reveal_option
@json_option
def show_(event_id: str, reveal: bool, as_json: bool) -> None:
    """All about one event but what was posted."""
    with redis() as client:
        found = inbox_care.find(client, [event_id])
    if not found:
        raise click.ClickException(f"{event_id} is not in the inbox: it was processed, or is set aside")
    (lying,) = found
    told = _row(lying) | described(lying.record)
    show_one(told | (revealed(lying.record) if reveal else {}), as_json=as_json)


@inbox.command()
@click.option("--id", "ids", multiple=True, help="Repeatable.")
@click.option("--all", "is_all", is_flag=True, help="Everything that lies there.")
@json_option
def replay(ids: tuple[str, ...], is_all: bool, as_json: bool) -> None:
    """Make events due now and ring for the workers. What is in work already is done twice, to one effect."""
    if bool(ids) == is_all:
        raise click.UsageError("say which: --id ID, repeatable, or --all")
    with redis() as client:
        missing = sorted(set(ids) - {lying.event_id for lying in inbox_care.find(client, ids)})
        groups = inbox_care.every_id(client) if is_all else [list(ids)]
        count = sum(inbox_care.due_now(client, group) for group in groups)
    if as_json:
        click.echo(json.dumps({"due_now": count, "not_in_inbox": missing}))
    else:
        click.echo(f"{count} due now" + (f"; not in the inbox: {', '.join(missing)}" if missing else ""))
    if missing:
        raise SystemExit(1)
