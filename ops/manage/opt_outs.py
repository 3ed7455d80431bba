"""Opt-outs: who gets no texts, of all of us, of a tenant or of a sender and its group."""

from typing import Any

import click

from ops.manage.context import database, e164, json_option, show
from shared.db import opt_outs as rows
from shared.db.opt_outs import EVERYBODY, StoredOptOut

scope_option = click.option(
    "--scope", default=EVERYBODY, show_default=True, help="* for all of us, tenant:ID, a sender, or a service's MG SID."
)


@click.group(name="opt-outs")
def opt_outs() -> None:
    """Who gets no texts."""


@opt_outs.command(name="list")
@click.option("--number", callback=e164, help="Only of this number.")
@click.option("--lifted", is_flag=True, help="Those that were lifted too.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@json_option
def list_(number: str | None, lifted: bool, limit: int, as_json: bool) -> None:
    """The newest opt-outs."""
    with database() as conn:
        found = rows.page(conn, limit=limit, number=number, is_lifted_too=lifted)
    show([_shown(row) for row in found], as_json=as_json)


@opt_outs.command()
@click.argument("number", callback=e164)
@scope_option
@click.option("--note", help="Why, kept with it.")
def add(number: str, scope: str, note: str | None) -> None:
    """No texts to NUMBER from now on; no START lifts it."""
    with database() as conn:
        is_new = rows.add(conn, number=number, scope=scope, source="cli", evidence={"note": note} if note else None)
    click.echo(f"{number} has opted out of {scope}{'' if is_new else ', as before'}")


@opt_outs.command()
@click.argument("number", callback=e164)
@scope_option
def lift(number: str, scope: str) -> None:
    """NUMBER may be texted again, as far as we are concerned: Twilio's own list is another."""
    with database() as conn:
        if rows.lift(conn, number=number, scope=scope, by="cli") is None:
            raise click.ClickException(f"{number} has no opt-out of {scope} in force")
    click.echo(f"{number} may be texted again by {scope}")


def _shown(row: StoredOptOut) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("number", "scope", "source", "at", "lifted_at", "lifted_by")}
