"""Endpoints: who is notified of what, how they answer, and a test of each. Changed as the API changes them."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final, TypeVar

import click
from marshmallow import ValidationError
from psycopg import Connection

from ops.manage.context import database, environment, json_option, redis, show
from ops.manage.number_changes import operator
from shared import endpoint_care, endpoint_document, tasks
from shared.db import delivery_attempts, endpoint_overview
from shared.db.delivery_attempts import Standing, StoredAttempt
from shared.db.endpoint_overview import EndpointOverview
from shared.db.endpoints import Endpoint
from shared.domain.allow_list import AllowList
from shared.domain.notices import TYPES
from shared.endpoint_care import Actor
from shared.faults import in_body
from shared.settings import BadSettings, one

_LOOK_EVERY_S: Final = 0.2
_HOURS: Final = 3600
T = TypeVar("T")


@click.group()
def endpoints() -> None:
    """Subscribers of our notifications."""


def _header(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str | None]:
    """`Name: value`; `Name:` takes it away."""
    found: dict[str, str | None] = {}
    for value in values:
        name, colon, said = value.partition(":")
        if not colon:
            raise click.BadParameter("must be like 'X-Team: blue', or 'X-Team:' to take it away")
        found[name.strip()] = said.strip() or None
    return found


_type_option = click.option(
    "--type", "types", multiple=True, type=click.Choice(sorted(TYPES)), help="Repeatable; without: all it can take."
)
_header_option = click.option(
    "--header", "headers", multiple=True, callback=_header, help="'Name: value', sent with each; repeatable."
)
_rate_option = click.option(
    "--rate", "rate_per_s", type=click.FloatRange(endpoint_document.SLOWEST, endpoint_document.FASTEST),
    help="Requests a second, at most; without: as fast as it answers.",
)  # fmt: skip
_concurrency_option = click.option(
    "--concurrency", type=click.IntRange(1, endpoint_document.MOST_CONCURRENCY), help="Requests under way at once; 8."
)
_description_option = click.option("--description", help="For people.")
_secret_option = click.option(
    "--secret-file",
    "secret",
    type=click.File(),
    help="A secret of your own, whsec_…, in a file; - reads it from the input.",
)


@endpoints.command()
@click.argument("endpoint_id")
@click.argument("url")
@click.option("--adapter", type=click.Choice(["standard", "as-call-service"]), default="standard", show_default=True)
@_type_option
@click.option("--tenant", "tenant_id", help="Only this tenant's; without: everybody's.")
@_description_option
@_header_option
@_rate_option
@_concurrency_option
@click.option("--disabled", is_flag=True, help="Told nothing until it is enabled.")
@_secret_option
@json_option
def add(endpoint_id: str, url: str, secret: Any, disabled: bool, as_json: bool, **options: Any) -> None:
    """Notify URL from now on; prints the secret its receiver verifies with, this once."""
    own = {"secret": secret.read().strip()} if secret else {}
    said = _read(lambda: endpoint_document.read(
        _given(options) | own | {"id": endpoint_id, "url": url, "enabled": not disabled}, _allowed()
    ))  # fmt: skip
    with database() as conn:
        try:
            made = endpoint_care.add(conn, endpoint_care.made(said), _actor())
        except endpoint_care.Taken:
            raise click.ClickException(f"the id {endpoint_id} is taken, or was another tenant's") from None
        except endpoint_care.TooMany:
            raise click.ClickException(f"a tenant has at most {endpoint_care.MOST_OF_TENANT} endpoints") from None
        _show_secret(conn, made, as_json=as_json)


@endpoints.command(name="list")
@click.option("--tenant", help="Only of this tenant.")
@click.option("--enabled/--disabled", "is_enabled", default=None, help="Only these.")
@json_option
def list_(tenant: str | None, is_enabled: bool | None, as_json: bool) -> None:
    """All endpoints and how they answer, without their secrets."""
    with database() as conn:
        found = endpoint_overview.page(conn, tenant_id=tenant, is_enabled=is_enabled)
    if as_json:
        show([asdict(row) for row in found], as_json=True)
        return
    names = ("id", "url", "tenant_id", "enabled", "disabled_reason", "circuit", "failing_since", "last_success_at")
    show([{name: getattr(row, name) for name in names} for row in found], as_json=False)


@endpoints.command(name="show")
@click.argument("endpoint_id")
@click.option("--attempts", type=click.IntRange(0, 200), default=10, show_default=True, help="How many of the last.")
@json_option
def show_(endpoint_id: str, attempts: int, as_json: bool) -> None:
    """One endpoint: how it is set, how it answers, what waits there, and the last attempts to tell it something."""
    with database() as conn:
        row = _overview(conn, endpoint_id)
        waiting = endpoint_overview.backlog(conn, endpoint_id)
        tried = delivery_attempts.page(conn, endpoint_id, limit=attempts)
    told = asdict(row) | asdict(waiting)
    if as_json:
        show([told | {"attempts": [asdict(attempt) for attempt in tried]}], as_json=True)
        return
    show([{"": name, " ": value} for name, value in told.items()], as_json=False)
    if tried:
        click.echo()
        names = ("at", "delivery_id", "type", "nth", "duration_ms", "http_status", "error")
        show([{name: getattr(attempt, name) for name in names} for attempt in tried], as_json=False)


@endpoints.command(name="set")
@click.argument("endpoint_id")
@click.option("--url")
@_type_option
@click.option("--all-types", is_flag=True, help="All that it can take.")
@click.option("--tenant", "tenant_id", help="Only this tenant's.")
@click.option("--everybody", is_flag=True, help="Every tenant's.")
@_description_option
@_header_option
@_rate_option
@click.option("--unlimited", is_flag=True, help="As fast as it answers.")
@_concurrency_option
@click.option("--if-version", type=click.IntRange(1), help="Only if it is at this version still.")
@json_option
def set_(
    endpoint_id: str, all_types: bool, everybody: bool, unlimited: bool, if_version: int | None, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Change what is said of ENDPOINT_ID; the rest stays. `--header 'Name:'` takes a header away."""
    clashes = [
        pair for pair, one_, other in (
            ("--type, --all-types", options["types"], all_types), ("--tenant, --everybody", options["tenant_id"], everybody),
            ("--rate, --unlimited", options["rate_per_s"], unlimited),
        ) if one_ and other
    ]  # fmt: skip
    if clashes:
        raise click.UsageError(f"{clashes[0]}: only one of them can be meant")
    emptied: dict[str, Any] = {"types": []} if all_types else {}
    emptied |= {"tenant_id": None} if everybody else {}
    emptied |= {"rate_per_s": None} if unlimited else {}
    _change(endpoint_id, _given(options) | emptied, as_json=as_json, if_version=if_version)


@endpoints.command()
@click.argument("endpoint_id")
@json_option
def enable(endpoint_id: str, as_json: bool) -> None:
    """Tell ENDPOINT_ID again, what has waited first."""
    _change(endpoint_id, {"enabled": True}, as_json=as_json)


@endpoints.command()
@click.argument("endpoint_id")
@json_option
def disable(endpoint_id: str, as_json: bool) -> None:
    """Tell ENDPOINT_ID nothing until it is enabled; what waits is kept."""
    _change(endpoint_id, {"enabled": False}, as_json=as_json)


@endpoints.command()
@click.argument("endpoint_id")
@click.option(
    "--overlap-hours", type=click.FloatRange(0, endpoint_document.LONGEST_OVERLAP_S / _HOURS),
    default=endpoint_document.OVERLAP_S / _HOURS, show_default=True, help="For how long both secrets sign.",
)  # fmt: skip
@_secret_option
@json_option
def rotate(endpoint_id: str, overlap_hours: float, secret: Any, as_json: bool) -> None:
    """Give ENDPOINT_ID a new secret and print it, this once; the one before signs, too, for a while."""
    document: dict[str, Any] = {"overlap_s": round(overlap_hours * _HOURS)}
    document |= {"secret": secret.read().strip()} if secret else {}
    with database() as conn:
        before = _to_change(conn, endpoint_id)
        if before.adapter == "as-call-service":
            raise click.ClickException("as-call-service verifies no signature")
        given, overlap_s = _read(lambda: endpoint_document.read_rotation(document, before))
        _show_secret(conn, endpoint_care.rotate(conn, before, given, overlap_s, _actor()), as_json=as_json)


@endpoints.command()
@click.argument("endpoint_id")
@click.option("--wait", "wait_s", type=click.IntRange(0, 300), default=20, show_default=True, help="Seconds, at most.")
@json_option
def test(endpoint_id: str, wait_s: int, as_json: bool) -> None:
    """Tell ENDPOINT_ID `endpoint.test` by the workers; prints what it answered. Ends with 1 unless it has taken it."""
    with database() as conn:
        endpoint = _to_change(conn, endpoint_id)
        if endpoint.adapter == "as-call-service":
            raise click.ClickException("as-call-service has no door for a test")
        if not endpoint.enabled:
            raise click.ClickException(f"{endpoint_id} is disabled: it is told nothing")
        delivery_id = endpoint_care.test(conn, endpoint, _actor())
    with redis() as client:
        tasks.ring_relay(client)
    found, last = _awaited(delivery_id, wait_s)
    show(
        [asdict(found) | {"attempt": asdict(last) if last else None}] if as_json else [_tested(found, last)],
        as_json=as_json,
    )
    if found.outcome != "delivered":
        click.get_current_context().exit(1)


@endpoints.command()
@click.argument("endpoint_id")
@json_option
def remove(endpoint_id: str, as_json: bool) -> None:
    """Notify ENDPOINT_ID no more; what waits for it is canceled. To keep that, `disable` it."""
    with database() as conn:
        row = _overview(conn, endpoint_id)
        canceled = endpoint_care.remove(conn, row.id, row.tenant_id, _actor())
    show([{"id": endpoint_id, "canceled": canceled}], as_json=as_json)


def _change(endpoint_id: str, document: dict[str, Any], *, as_json: bool, if_version: int | None = None) -> None:
    with database() as conn:
        before = _to_change(conn, endpoint_id)
        wanted = _read(lambda: endpoint_document.read_changes(document, before, _allowed()))
        if wanted != before and if_version not in (None, before.version):
            raise click.ClickException(f"the endpoint is at version {before.version} now: look at it again")
        endpoint_care.change(conn, before, wanted, _actor())
        row = _overview(conn, endpoint_id)
    names = ("id", "url", "types", "tenant_id", "rate_per_s", "concurrency", "enabled", "version")
    show([asdict(row) if as_json else {name: getattr(row, name) for name in names}], as_json=as_json)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """What was said at all."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in options.items()
        if value not in (None, (), {})
    }


def _read(read: Callable[[], T]) -> T:
    try:
        return read()
    except ValidationError as refused:
        faults = in_body(refused.normalized_messages())
        raise click.UsageError("\n".join(f"{fault['pointer'][2:]}: {fault['detail']}" for fault in faults)) from None


def _allowed() -> AllowList:
    try:
        return one("TS_EVENT_ALLOW", environment())
    except BadSettings as fault:
        raise click.ClickException(str(fault)) from fault


def _overview(conn: Connection, endpoint_id: str) -> EndpointOverview:
    found = endpoint_overview.find(conn, endpoint_id)
    if found is None:
        raise click.ClickException(f"{endpoint_id} is no endpoint: see `endpoints list`")
    return found


def _to_change(conn: Connection, endpoint_id: str) -> Endpoint:
    _overview(conn, endpoint_id)
    found = endpoint_care.to_change(conn, endpoint_id)
    if found is None:
        raise click.ClickException(f"{endpoint_id} was deleted just now")
    return found


def _show_secret(conn: Connection, endpoint: Endpoint, *, as_json: bool) -> None:
    if as_json:
        show([asdict(_overview(conn, endpoint.id)) | {"secret": endpoint.secret or None}], as_json=True)
    elif endpoint.secret:
        click.echo(endpoint.secret)


def _awaited(delivery_id: int, wait_s: int) -> tuple[Standing, StoredAttempt | None]:
    """Looks until it has answered, for `wait_s` seconds at most."""
    end = time.monotonic() + wait_s
    while True:
        with database() as conn:
            found = delivery_attempts.standing(conn, delivery_id)
        if found is None:
            raise click.ClickException("the delivery is gone")
        if found[1] or found[0].outcome or time.monotonic() >= end:
            return found
        time.sleep(_LOOK_EVERY_S)


def _tested(found: Standing, last: StoredAttempt | None) -> dict[str, Any]:
    names = ("duration_ms", "http_status", "error", "answer")
    return {"delivery_id": found.delivery_id, "outcome": found.outcome or "waits"} | {
        name: getattr(last, name) if last else None for name in names
    }


def _actor() -> Actor:
    return Actor(f"cli:{operator()}")
