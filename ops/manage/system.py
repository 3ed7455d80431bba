"""The installation itself: its schema, its settings."""

import click

from ops.manage.context import environment, settings
from shared.db import migrate as migrations
from shared.settings import described


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if something is pending.")
def migrate(check: bool) -> None:
    """Bring the database to this release's schema."""
    dsn = environment().get("TS_DATABASE_URL")
    if not dsn:
        raise click.ClickException("TS_DATABASE_URL is not set")
    try:
        names = migrations.pending(dsn) if check else migrations.migrate(dsn)
    except migrations.Drift as fault:
        raise click.ClickException(str(fault)) from fault
    for name in names:
        click.echo(f"{'pending' if check else 'applied'} {name}")
    if check and names:
        raise SystemExit(1)
    if not names:
        click.echo("the schema is up to date")


@click.group()
def config() -> None:
    """The settings of the service."""


@config.command()
def check() -> None:
    """Are all settings there and sound?"""
    settings()
    click.echo("settings are sound")


@config.command()
def show() -> None:
    """Every setting: what it is, and whether it is set. No value is shown."""
    given = environment()
    for name, default, what in described():
        state = "set" if given.get(name) or given.get(f"{name}_FILE") else f"default {default}" if default else "empty"
        click.echo(f"{name:26} {state:34} {what}")
