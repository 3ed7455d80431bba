"""How the operator's tool changes a number: checked like the API's changes, and kept under the operator's name."""

import getpass
from typing import Any

import click
from marshmallow import ValidationError
from psycopg import Connection

from shared import number_document
from shared.db import numbers as rows
from shared.db.numbers import VersionConflict
from shared.domain.routing import Number, Routing
from shared.faults import in_body
from shared.phones import is_canonical


def known(conn: Connection, phone_number: str) -> Number:
    """One of our numbers, or an explanation."""
    found = rows.find(conn, phone_number)
    if found is None:
        raise click.ClickException(f"{phone_number} is none of our numbers: see `numbers list`")
    return found


def checked(document: Any, phone_number: str) -> Routing:
    """The routing in a document, or every fault of it."""
    if not is_canonical(phone_number):
        raise click.ClickException(f"{phone_number} is no number of any country's plan")
    try:
        return number_document.read_routing(document, phone_number)
    except ValidationError as refused:
        faults = in_body(refused.normalized_messages())
        lines = [f"{fault['pointer'].removeprefix('#/routing')}: {fault['detail']}" for fault in faults]
        raise click.ClickException("\n".join(["this routing cannot be meant:", *lines])) from None


def write(conn: Connection, wanted: Number, *, note: str | None, expected_version: int | None) -> int:
    """Returns the version. Who has changed it meanwhile is not overwritten."""
    try:
        return rows.put(conn, wanted, by=operator(), via="cli", note=note, expected_version=expected_version)
    except VersionConflict as conflict:
        raise click.ClickException(f"the number is at version {conflict.current} now: look at it again") from None


def operator() -> str:
    """Who works here, as the versions name them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "cli"
