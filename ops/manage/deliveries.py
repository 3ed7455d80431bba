"""What became of what subscribers were told: dead letters told again, and replays of a range of time."""

import getpass
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import click

from ops.manage.context import database, json_option, show
from ops.manage.records import show_one
from shared import log, redriving, replaying
from shared.db import dead_letters, delivery_overview, endpoints
from shared.db import replays as replay_rows
from shared.db.delivery_overview import STATES, DeliveryOverview
from shared.db.endpoints import Endpoint
from shared.db.replays import Replay, Wanted
from shared.domain.notices import TYPES
from shared.version import VERSION

_WHEN: Final = click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"])
_endpoint = click.option("--endpoint", "endpoint_id", help="Only of this endpoint.")
_tenant = click.option("--tenant", "tenant_id", help="Only what happened to this tenant.")
_type = click.option("--type", "type_", type=click.Choice(sorted(TYPES)), help="Only this type.")
_since = click.option("--since", type=_WHEN, help="What happened not before, as 2026-01-31T23:59:59Z.")
_until = click.option("--until", type=_WHEN, help="What happened before.")
_apply = click.option("--apply/--dry-run", default=False, help="Do it, or only tell (the default).")


@click.group()
def deliveries() -> None:
    """Deliveries to subscribers: what became of each, and dead letters told again."""
    log.configure(service="cli", version=VERSION, out=sys.stderr)  # stdout is the answer


@click.group()
def replays() -> None:
    """Replays: what happened in a range of time, told to one endpoint once more."""
    log.configure(service="cli", version=VERSION, out=sys.stderr)


@deliveries.command(name="list")
@_endpoint
@_tenant
@_type
@click.option("--subject", help="Only about this id, as a CallSid.")
@click.option("--notification", "notification_id", type=click.UUID, help="Only of this webhook-id.")
@click.option("--state", type=click.Choice(STATES), help="failed: the dead letters.")
@_since
@_until
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def list_(type_: str | None, limit: int, as_json: bool, **filters: Any) -> None:
    """Deliveries, the newest first."""
    with database() as conn:
        found = delivery_overview.page(conn, {**filters, "type": type_}, limit=limit)
    show([_line(row) for row in found], as_json=as_json)


@deliveries.command(name="show")
@click.argument("delivery_id", type=int)
@json_option
def show_(delivery_id: int, as_json: bool) -> None:
    """All that is known of one delivery, with the attempts. What it says is personal data: the API shows that."""
    with database() as conn:
        found = delivery_overview.find(conn, delivery_id)
        if found is None:
            raise click.ClickException(f"no delivery {delivery_id}")
        made = [asdict(one) for one in delivery_overview.attempts(conn, delivery_id)]
    show_one({**_line(found), "attempts_made": made}, as_json=as_json)


@deliveries.command()
@click.argument("delivery_ids", nargs=-1, type=int)
@_endpoint
@_tenant
@_type
@click.option("--reason", help="Only what failed so, as http_500.")
@_since
@_until
@click.option("--limit", type=click.IntRange(1), default=redriving.MOST, show_default=True, help="The oldest of them.")
@_apply
@json_option
def redrive(
    delivery_ids: tuple[int, ...], type_: str | None, limit: int, apply: bool, as_json: bool, **filters: Any
) -> None:
    """Tell dead letters again: DELIVERY_IDS, or by a filter. Exit code 1 when some of these ids are refused."""
    if bool(delivery_ids) == any(value is not None for value in (type_, *filters.values())):
        raise click.UsageError("name deliveries, or a filter")
    if delivery_ids:
        _redrive_these(delivery_ids, apply=apply, as_json=as_json)
    else:
        _redrive_all({**filters, "type": type_}, limit=limit, apply=apply, as_json=as_json)


def _redrive_these(delivery_ids: tuple[int, ...], *, apply: bool, as_json: bool) -> None:
    told = [{"id": id_, "result": _redriven(id_, apply=apply)} for id_ in dict.fromkeys(delivery_ids)]
    show(told, as_json=as_json)
    if any(one["result"] not in ("redriven", "would be redriven") for one in told):
        raise SystemExit(1)


def _redriven(delivery_id: int, *, apply: bool) -> str:
    with database() as conn:
        found = delivery_overview.find(conn, delivery_id)
        if found is None or found.state != "failed":
            return f"it is {found.state}" if found else "no such delivery"
        if words := redriving.closed(conn, found.endpoint_id):
            return words
        if not apply:
            return "would be redriven"
        return "redriven" if redriving.redrive(conn, delivery_id, actor=_actor()) else "no dead letter any more"


def _redrive_all(filters: dict[str, Any], *, limit: int, apply: bool, as_json: bool) -> None:
    with database() as conn:
        counts = dead_letters.counts(conn, filters)
        chosen = dead_letters.ids(conn, filters, limit=limit)
        refused = redriving.refused(conn, counts)
    redriven = redriving.redrive_all(database, chosen, actor=_actor()) if apply else 0
    left = sum(count.count for count in counts if count.is_open) - redriven
    facts = {"counts": [asdict(count) for count in counts], "sample": chosen[: redriving.SAMPLE],
             "refused": refused, "redriven": redriven, "left": left}  # fmt: skip
    if as_json:
        show_one(facts, as_json=True)
        return
    show([asdict(count) for count in counts], as_json=False)
    for one in refused:
        click.echo(one["detail"])
    click.echo(f"redriven: {redriven}, left: {left}" if apply else f"{left} would be redriven; --apply does it")


@replays.command()
@click.argument("endpoint_id")
@click.option("--since", type=_WHEN, required=True, help="The first moment, as 2026-01-31T23:59:59Z.")
@click.option("--until", type=_WHEN, help="The first moment after it; without: now.")
@click.option(
    "--type", "types", multiple=True, type=click.Choice(sorted(TYPES)), help="Repeatable; without: all it takes."
)
@_tenant
@click.option("--subject", help="Only about this id.")
@click.option("--outcome", "outcomes", multiple=True, type=click.Choice(["failed", "missing", "delivered"]),
              default=["failed", "missing"], show_default=True, help="Repeatable.")  # fmt: skip
@click.option("--rate", "rate_per_s", default=replaying.RATE_PER_S, show_default=True,
              type=click.FloatRange(0, replaying.HIGHEST_RATE_PER_S, min_open=True), help="Deliveries a second.")  # fmt: skip
@_apply
@json_option
def start(endpoint_id: str, until: datetime | None, apply: bool, as_json: bool, **facts: Any) -> None:
    """Tell ENDPOINT_ID once more what happened: what it could not be told, or never was."""
    now = datetime.now(UTC)
    until = until or now
    if not facts["since"] < until <= now:
        raise click.UsageError("--since must be before --until, and that not in the future")
    facts |= {"types": list(facts["types"]), "outcomes": list(facts["outcomes"])}
    wanted = Wanted(endpoint_id=endpoint_id, until=until, **facts)
    with database() as conn:
        planned = asdict(replaying.plan(conn, wanted, _open(conn, endpoint_id)))
        if apply:
            made, _ = replaying.start(conn, wanted, actor=_actor())
            planned["replay_id"] = made.id
    show_one({"endpoint_id": endpoint_id, **planned}, as_json=as_json)
    if not apply and not as_json:
        click.echo("--apply begins it")


@replays.command(name="list")
@_endpoint
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def list_replays(endpoint_id: str | None, limit: int, as_json: bool) -> None:
    """Replays, the newest first."""
    with database() as conn:
        found = replay_rows.page(conn, endpoint_id, limit=limit)
    show([_replay(row) for row in found], as_json=as_json)


@replays.command(name="show")
@click.argument("replay_id", type=int)
@json_option
def show_replay(replay_id: int, as_json: bool) -> None:
    """How far a replay has come."""
    with database() as conn:
        show_one(_whole(conn, replay_id), as_json=as_json)


@replays.command()
@click.argument("replay_id", type=int)
@_apply
@json_option
def cancel(replay_id: int, apply: bool, as_json: bool) -> None:
    """Call off a replay: what of it waits is told no more."""
    with database() as conn:
        _whole(conn, replay_id)
    if apply:
        replaying.cancel(database, replay_id, actor=_actor())
    with database() as conn:
        show_one(_whole(conn, replay_id), as_json=as_json)
    if not apply and not as_json:
        click.echo("--apply calls it off")


def _actor() -> str:
    return f"cli:{getpass.getuser()}"


def _line(row: DeliveryOverview) -> dict[str, Any]:
    """Not what it says: that is personal data."""
    left_out = ("data", "order_key", "endpoint_tenant", "adapter")
    return {name: value for name, value in asdict(row).items() if name not in left_out}


def _open(conn: Any, endpoint_id: str) -> Endpoint:
    endpoint = endpoints.find(conn, endpoint_id)
    if endpoint is None or not endpoint.enabled:
        raise click.ClickException(redriving.closed(conn, endpoint_id) or "")
    return endpoint


def _replay(row: Replay) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name not in ("cursor_id", "free_at")}


def _whole(conn: Any, replay_id: int) -> dict[str, Any]:
    found = replay_rows.find(conn, replay_id)
    if found is None:
        raise click.ClickException(f"no replay {replay_id}")
    endpoint = endpoints.find(conn, found.endpoint_id)
    left = asdict(replaying.plan(conn, found, endpoint)) if endpoint and found.state == "running" else {"matching": 0}
    return {**_replay(found), **asdict(replay_rows.tally(conn, replay_id)), **{f"left_{k}": v for k, v in left.items()}}
