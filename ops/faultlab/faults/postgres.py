"""PostgreSQL crashes, freezes, takes no writes, or has no room for another session."""

import contextlib
import signal
from random import Random
from typing import LiteralString

import psycopg

from ops.faultlab.faults.fault import Fault, Heal, Lab, Target
from ops.faultlab.keeper import descendants, send

THROWN_OUT = 3  # times: some come back while the places are being taken


def _crash(lab: Lab, _dice: Random) -> Heal:
    """An immediate shutdown: nothing is written any more, and the next start recovers from the log."""
    lab.house.keeper.down("postgres", signal.SIGQUIT)
    return lambda: lab.house.keeper.up("postgres")


def freeze(lab: Lab, _dice: Random) -> Heal:
    """The server and every session of it stand still."""
    master = lab.house.keeper.pid("postgres")
    stopped = [master, *descendants(master)]
    for pid in stopped:
        send(pid, signal.SIGSTOP)

    def heal() -> None:
        for pid in reversed(stopped):
            send(pid, signal.SIGCONT)

    return heal


def _read_only(lab: Lab, _dice: Random) -> Heal:
    """As a standby, or a server whose disk an operator wants to keep from filling: it answers, and refuses every write."""
    _set(lab, "alter system set default_transaction_read_only = on")
    return lambda: _set(lab, "alter system reset default_transaction_read_only")


def _crowded(lab: Lab, _dice: Random) -> Heal:
    """Who is in is thrown out, and somebody else holds every place: nobody of ours gets a session."""
    held = [_admin(lab)]
    for _ in range(THROWN_OUT):
        held[0].execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'twilio-server'"
        )
        with contextlib.suppress(psycopg.OperationalError):  # there is no place left
            while True:
                held.append(_admin(lab))

    def heal() -> None:
        for conn in held:
            conn.close()

    return heal


def _set(lab: Lab, statement: LiteralString) -> None:
    """For every session, the open ones too, from its next transaction on."""
    with _admin(lab) as conn:
        conn.execute("set default_transaction_read_only = off")
        conn.execute(statement)
        conn.execute("select pg_reload_conf()")


def _admin(lab: Lab) -> psycopg.Connection:
    return psycopg.connect(lab.house.env["TS_DATABASE_URL"], autocommit=True, connect_timeout=2)


POSTGRES: frozenset[Target] = frozenset({"postgres"})
FAULTS = (
    Fault("postgres-crash", POSTGRES, (0.5, 3.0), _crash),
    Fault("postgres-freeze", POSTGRES, (10.0,), freeze),
    Fault("postgres-read-only", POSTGRES, (5.0,), _read_only),
    Fault("postgres-crowded", POSTGRES, (8.0,), _crowded),
)
