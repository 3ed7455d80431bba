"""Reports for the terminal."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click

from ops.manage.context import database, json_option, show
from shared.db import alerts, delivery_report
from shared.db.delivery_report import BY, By

_MOST_CALLS = 1_000  # more than anybody looks after one by one


@click.group()
def report() -> None:
    """What became of our texts, and of calls that were to be recorded."""


@report.command()
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day, UTC; six days before the last.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Last day, UTC, included; today.")
@click.option("--tenant", help="Only this tenant's.")
@click.option("--by", multiple=True, type=click.Choice(BY), default=["day"], show_default=True, help="Repeatable.")
@json_option
def delivery(
    first: datetime | None, last: datetime | None, tenant: str | None, by: tuple[By, ...], as_json: bool
) -> None:
    """How many texts arrived, and what they cost. A text belongs to the UTC day of its creation."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    last = last.replace(tzinfo=UTC) if last else midnight
    first = first.replace(tzinfo=UTC) if first else last - timedelta(days=6)
    with database() as conn:
        lines = delivery_report.lines(conn, since=first, until=last + timedelta(days=1), by=by, tenant_id=tenant)
    shown = [
        asdict(line) | {name: getattr(line, name) for name in ("delivery_ratio", "error_class", "error_means")}
        for line in lines[: delivery_report.MOST_LINES]
    ]
    show(shown, as_json=as_json)
    if len(lines) > len(shown):
        click.echo(f"only the first {len(shown)} lines: ask for less", err=True)


@report.command()
@click.option("--tenant", help="Only this tenant's.")
@click.option("--all", "is_resolved_too", is_flag=True, help="Also those whose recording came after the alarm.")
@json_option
def recordings_missing(tenant: str | None, is_resolved_too: bool, as_json: bool) -> None:
    """Calls that were to be recorded and of which no recording came, the last alarm first."""
    with database() as conn:
        found = alerts.missing_recordings(
            conn, tenant_id=tenant, is_resolved_too=is_resolved_too, limit=_MOST_CALLS + 1
        )
    show(found[:_MOST_CALLS], as_json=as_json)
    if len(found) > _MOST_CALLS:
        click.echo(f"only the last {_MOST_CALLS} alarms are shown", err=True)
