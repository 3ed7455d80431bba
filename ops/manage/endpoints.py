"""Endpoints: who is notified of what."""

import re
import secrets
from base64 import b64encode
from urllib.parse import urlsplit

import click

from ops.manage.context import database, json_option, show
from shared.db import endpoints as rows
from shared.db.endpoints import Endpoint
from shared.domain.notices import FOR_AS_CALL, TYPES

_SECRET_BYTES = 32  # Standard Webhooks: 24 to 64
_ID = re.compile(r"[a-z0-9-]{1,64}")  # as the schema asks


@click.group()
def endpoints() -> None:
    """Subscribers of our notifications."""


def new_secret() -> str:
    """A signing secret in the form of Standard Webhooks."""
    return "whsec_" + b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def _id(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not _ID.fullmatch(value):
        raise click.BadParameter("must be 1 to 64 of a-z, 0-9 and -")
    return value


def _url(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        is_sound = bool(urlsplit(value).hostname) and urlsplit(value).scheme in ("http", "https")
    except ValueError:
        is_sound = False
    if not is_sound:
        raise click.BadParameter("must be an http:// or https:// address")
    return value


@endpoints.command()
@click.argument("endpoint_id", callback=_id)
@click.argument("url", callback=_url)
@click.option("--adapter", type=click.Choice(["standard", "as-call-service"]), default="standard", show_default=True)
@click.option(
    "--type", "types", multiple=True, type=click.Choice(sorted(TYPES)), help="Repeatable; without: all it can take."
)
@click.option("--tenant", help="Only this tenant's; without: everybody's.")
def add(endpoint_id: str, url: str, adapter: str, types: tuple[str, ...], tenant: str | None) -> None:
    """Notify URL from now on; prints the secret its receiver verifies with, this once."""
    secret = new_secret()
    chosen = list(types or (FOR_AS_CALL if adapter == "as-call-service" else ()))
    with database() as conn:
        rows.put(conn, Endpoint(endpoint_id, url.rstrip("/"), adapter, secret, chosen, tenant, True))  # type: ignore[arg-type]
    click.echo(secret)


@endpoints.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """All endpoints, without their secrets."""
    with database() as conn:
        found = rows.every(conn)
    show(
        [{name: getattr(row, name) for name in Endpoint.__slots__ if name != "secret"} for row in found],
        as_json=as_json,
    )
