"""API keys: made, listed, revoked. A key is shown once; only its digest is kept."""

import secrets
from datetime import UTC, datetime, timedelta

import click
from psycopg import Connection

from ops.manage.context import database, json_option, settings, show
from shared.db import api_keys
from shared.domain.api_key import BASE62, SCOPES, ApiKey, assemble


@click.group()
def keys() -> None:
    """API keys of our clients."""


def mint(
    conn: Connection,
    *,
    env: str,
    client: str,
    scopes: list[str],
    tenant_id: str | None = None,
    expires_at: datetime | None = None,
) -> ApiKey:
    """A new valid key for `client`; with `tenant_id` nothing of another tenant exists for it."""
    while True:
        key = assemble(env, _random(8), _random(30))
        if api_keys.insert(conn, key, client=client, scopes=scopes, tenant_id=tenant_id, expires_at=expires_at):
            return key


def _random(length: int) -> str:
    return "".join(secrets.choice(BASE62) for _ in range(length))


@keys.command()
@click.argument("client")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(sorted(SCOPES)), help="Repeatable.")
@click.option("--days", type=click.IntRange(1, 3650), help="Days until it expires; without: never.")
@click.option(
    "--tenant", help="Bind it to this tenant: good for the calls, recordings and endpoints of that tenant only."
)
def create(client: str, scopes: tuple[str, ...], days: int | None, tenant: str | None) -> None:
    """Make a key for CLIENT and print it, this once."""
    if tenant is not None and not tenant.strip():
        raise click.UsageError("--tenant must not be empty: such a key would be bound to nobody")
    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
    with database() as conn:
        key = mint(
            conn, env=settings().env, client=client, scopes=list(scopes), tenant_id=tenant, expires_at=expires_at
        )
    click.echo(key.text)


@keys.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """All keys, without their secrets."""
    with database() as conn:
        rows = api_keys.every(conn)
    names = ("id", "client", "tenant_id", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    show([{name: getattr(row, name) for name in names} for row in rows], as_json=as_json)


@keys.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Make the key with this id worthless, within ten seconds everywhere."""
    with database() as conn:
        if not api_keys.revoke(conn, key_id):
            raise click.ClickException(f"no live key {key_id}")
    click.echo(f"{key_id} is revoked")
