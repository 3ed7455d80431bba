"""What a command works with: the settings, and a database connection for the one thing it does."""

import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import psycopg
from psycopg import Connection
from redis import Redis
from redis.exceptions import RedisError

from shared.domain.phone import is_e164
from shared.runtime import open_redis
from shared.settings import BadSettings, Settings, is_given, load, one

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_REPOSITORY = Path(__file__).parents[2]
_REDIS_PATIENCE_S = 10.0  # a person waits; a frozen Redis may come back
_IS_IT_THERE = "Is {} running, and does TS_{}_URL name it? Run this again when it answers"
# What a query meets in a database that another release, or nobody, has migrated.
_OTHER_SCHEMA = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction)


def environment() -> Mapping[str, str]:
    """This process's variables; while a sandbox runs here and nothing else is said, the sandbox's."""
    if is_given("TS_DATABASE_URL", os.environ):
        return os.environ
    file = Path(os.environ.get("TS_RUN_DIR") or _REPOSITORY / ".run") / "env"
    if not file.exists():
        return os.environ
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except PermissionError as fault:
        raise click.ClickException(f"{file} belongs to the user who started the stack; be that user") from fault
    return {**_read(lines), **os.environ}


def _read(lines: list[str]) -> dict[str, str]:
    words = [word for line in lines for word in shlex.split(line, comments=True) if word != "export"]
    return dict(word.split("=", 1) for word in words if "=" in word)


def settings() -> Settings:
    """The service's settings, or an explanation of what is missing."""
    try:
        return load(environment())
    except BadSettings as fault:
        raise click.ClickException(f"{fault}\nIs the stack running (./ops/up), or TS_DATABASE_URL set?") from fault


def database_url() -> str:
    """Where PostgreSQL is. A container knows it by a file, and needs no other setting for this."""
    try:
        return one("TS_DATABASE_URL", environment())
    except BadSettings as fault:
        raise click.ClickException(f"{fault}\nStart the stack (./ops/up) or set TS_DATABASE_URL") from fault


@contextmanager
def database(*, autocommit: bool = False) -> Iterator[Connection]:
    """One connection, one transaction: the command's change is whole or not there.

    `autocommit`: for commands with many transactions, each in a `with conn.transaction()` of its own.
    """
    with told_what_to_do(), psycopg.connect(database_url(), connect_timeout=5, autocommit=autocommit) as conn:
        yield conn


@contextmanager
def told_what_to_do() -> Iterator[None]:
    """What PostgreSQL raises when it is away, or has another schema than this release, as a sentence for a person."""
    try:
        yield
    except psycopg.OperationalError as fault:
        raise click.ClickException(f"database: {fault}\n{_IS_IT_THERE.format('PostgreSQL', 'DATABASE')}") from fault
    except _OTHER_SCHEMA as fault:
        raise click.ClickException(
            f"database: {fault}\nIts schema is not this release's: run `migrate --check`, then `migrate`"
        ) from fault


@contextmanager
def redis() -> Iterator[Redis]:
    """A client for one command."""
    client = open_redis(settings(), timeout_s=_REDIS_PATIENCE_S, connections=2)
    try:
        yield client
    except RedisError as fault:
        raise click.ClickException(f"redis: {fault}\n{_IS_IT_THERE.format('Redis', 'REDIS')}") from fault
    finally:
        client.close()


def spelled(value: object) -> str:
    """For a terminal: a control character in what strangers wrote is shown, not obeyed."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", "" if value is None else str(value))


def show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """Rows for a script or for a person."""
    if as_json:
        click.echo(json.dumps(rows, default=str, indent=2))
        return
    if not rows:
        click.echo("(none)")
        return
    texts = [{name: spelled(value) for name, value in row.items()} for row in rows]
    widths = {name: max(len(name), *(len(row[name]) for row in texts)) for name in texts[0]}
    for row in [{name: name for name in widths}, *texts]:
        click.echo("  ".join(row[name].ljust(width) for name, width in widths.items()).rstrip())


def e164(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """The callback of every argument that is a phone number."""
    if value is not None and not is_e164(value):
        raise click.BadParameter("must be E.164, like +14155550100")
    return value


json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
