"""Brings a database to the schema of this release: numbered SQL files, forward only, each once, in one transaction each.

Files are `NNNN_pre|post_what.sql`: `pre` runs before the new code is deployed, `post` after the old code is gone. A file
that was applied must not change: its SHA-256 is remembered, and another one is refused.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString, cast

import psycopg
from psycopg import Connection

FOLDER = Path(__file__).parent / "migrations"
# Any constant will do; two runners must only agree on it.
_LOCK_KEY = 7_316_402_118
# A migration that waits longer for a table lock would queue all traffic behind itself: better to fail and come again.
_LOCK_TIMEOUT = "2s"


class Drift(Exception):
    """The database and the files disagree: an applied file was changed or is gone."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name and its text."""

    name: str
    sql: str

    @property
    def sha256(self) -> bytes:
        """What is compared with the database."""
        return hashlib.sha256(self.sql.encode()).digest()


def migrate(dsn: str, folder: Path = FOLDER) -> list[str]:
    """Applies what is pending and returns its names. Any number of runners at once is safe: they queue.

    Raises Drift, or psycopg.Error of the first statement that failed; that file then has had no effect at all.
    """
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("select pg_advisory_lock(%s)", (_LOCK_KEY,))
        _make_ledger(conn)
        pending = _pending(conn, read(folder))
        for migration in pending:
            _apply(conn, migration)
        return [migration.name for migration in pending]


def pending(dsn: str, folder: Path = FOLDER) -> list[str]:
    """The names of what `migrate` would apply. Raises Drift."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        _make_ledger(conn)
        return [migration.name for migration in _pending(conn, read(folder))]


def read(folder: Path = FOLDER) -> list[Migration]:
    """The files in their order."""
    return [Migration(path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("[0-9]*.sql"))]


def _make_ledger(conn: Connection) -> None:
    conn.execute(
        """
        create table if not exists schema_migrations (
            name text primary key, sha256 bytea not null, applied_at timestamptz not null default now())
        """
    )


def _pending(conn: Connection, files: list[Migration]) -> list[Migration]:
    applied = dict(conn.execute("select name, sha256 from schema_migrations").fetchall())
    known = {migration.name: migration for migration in files}
    for name, sha256 in applied.items():
        if name not in known:
            raise Drift(f"{name} is applied, but this release has no such file: is the code older than the database?")
        if known[name].sha256 != sha256:
            raise Drift(f"{name} was changed after it was applied: restore it and write a new file instead")
    return [migration for migration in files if migration.name not in applied]


def _apply(conn: Connection, migration: Migration) -> None:
    with conn.transaction():
        conn.execute("select set_config('lock_timeout', %s, true)", (_LOCK_TIMEOUT,))
        # The files are part of this program, read from its own folder: as literal as the code.
        conn.execute(cast("LiteralString", migration.sql))
        conn.execute("insert into schema_migrations (name, sha256) values (%s, %s)", (migration.name, migration.sha256))
