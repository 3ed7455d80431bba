"""The installation itself: its schema, its settings."""

import click

from ops.manage.context import database_url, environment, settings, told_what_to_do
from shared.db import migrate as migrations
from shared.settings import described, is_given


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if something is pending.")
def migrate(check: bool) -> None:
    """Bring the database to this release's schema."""
    dsn = database_url()
    try:
        with told_what_to_do():
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
        state = "set" if is_given(name, given) else f"default {default}" if default else "empty"
        click.echo(f"{name:26} {state:34} {what}")
