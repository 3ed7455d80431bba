"""Consents: who has agreed to be texted by which tenant about what."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from ops.manage.context import database, e164, json_option, show
from shared.db import consents as rows
from shared.db.consents import StoredConsent
from shared.domain.law import CONSENT_KINDS, PURPOSES, ConsentKind, Purpose


@click.group()
def consents() -> None:
    """Who has agreed to get texts."""


@consents.command(name="list")
@click.option("--number", callback=e164, help="Only of this number.")
@click.option("--tenant", help="Only of this tenant.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@json_option
def list_(number: str | None, tenant: str | None, limit: int, as_json: bool) -> None:
    """The newest consents, revoked and expired ones too."""
    with database() as conn:
        found = rows.page(conn, limit=limit, number=number, tenant_id=tenant)
    show([_shown(row) for row in found], as_json=as_json)


@consents.command()
@click.argument("number", callback=e164)
@click.option("--tenant", required=True, help="To whom.")
@click.option("--purpose", required=True, type=click.Choice(PURPOSES))
@click.option("--kind", required=True, type=click.Choice(CONSENT_KINDS), help="Marketing needs a written one.")
@click.option("--source", required=True, help="Where it was given, as 'form 7 of 2026-01-31'.")
@click.option("--days", type=click.IntRange(1, 3650), help="Days until it expires; without: never.")
@json_option
def grant(
    number: str, tenant: str, purpose: Purpose, kind: ConsentKind, source: str, days: int | None, as_json: bool
) -> None:
    """NUMBER has agreed; takes the place of the consent that it had."""
    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
    with database() as conn:
        made = rows.grant(
            conn, tenant_id=tenant, number=number, purpose=purpose, kind=kind, source=source, expires_at=expires_at
        )
    show([_shown(made)], as_json=as_json)


@consents.command()
@click.argument("consent_id")
def revoke(consent_id: str) -> None:
    """The consent with this id does not count any more."""
    with database() as conn:
        if rows.withdraw(conn, consent_id, by="cli") is None:
            raise click.ClickException(f"no consent {consent_id}")
    click.echo(f"{consent_id} is revoked")


def _shown(row: StoredConsent) -> dict[str, Any]:
    return {name: getattr(row, name) for name in StoredConsent.__slots__ if name != "evidence"}
