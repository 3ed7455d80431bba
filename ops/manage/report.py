"""Reports for the terminal."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click

from ops.manage.context import database, json_option, show
from shared.db import delivery_report
from shared.db.delivery_report import BY, By


@click.group()
def report() -> None:
    """What became of our texts."""


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
