"""The house for the fault run of sending: what takes texts and sends them, twice what sends, and nobody who listens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import requests

from ops.faultlab.house import ROOT, House, open_stores, remembering
from ops.faultlab.naive.house import TEXTS_TABLE, naive_sender
from ops.faultlab.sends.asks import CLIENT, TENANT, Sender
from ops.manage.keys import mint
from ops.stack import house as stack_house
from ops.stack.service import Service
from shared.db import numbers
from shared.db.migrate import migrate
from shared.domain.routing import Number

# Nobody is told of anything here, no recording is made and no call: what is judged is the simulator's ledger. Beat and the
# worker of its ticks stay: what waits in rows is released by them.
PROGRAMS: Final = ("ingress", "events", "sms", "recordings", "beat")
# Two processes that send: a second one meets what a first that was killed has left, and both draw on one sender's rate.
SECOND: Final = "sms-2"
# Seconds after which a doubtful text is settled: the least that the service takes.
SETTLE_S: Final = 20


@dataclass(frozen=True)
class Sending:
    """A running house, the key of the client that asks for texts, and whether it is ours."""

    house: House
    api_key: str
    is_naive: bool = False


def open_sending(folder: Path, senders: Sequence[Sender]) -> Sending:
    """Ready to be asked for texts from `senders`. Raises house.NotReady."""
    house = open_stores(folder, {"TS_PNS_URL": "", "TS_STANDINS_URL": "", "TS_SMS_SETTLE_S": str(SETTLE_S)})
    env, keeper = house.env, house.keeper
    _start_simulator(house, senders)
    migrate(env["TS_DATABASE_URL"])
    api_key = _furnish(env["TS_DATABASE_URL"], env["TS_ENV"], senders)
    ours = stack_house.services(ROOT, env)
    house.programs = [*PROGRAMS, SECOND]
    for name in PROGRAMS:
        keeper.start(ours[name])
    keeper.start(_second(ours["sms"]))
    house.wait_ready("ingress", "events", "recordings", "beat", SECOND)
    return Sending(house, api_key)


def open_naive(folder: Path, senders: Sequence[Sender]) -> Sending:
    """The naive sender, ready; it asks for no key, and knows neither a queue nor STOP."""
    house = open_stores(folder, {"TS_STANDINS_URL": ""})
    with psycopg.connect(house.env["TS_DATABASE_URL"]) as conn:
        conn.execute(TEXTS_TABLE)
    _start_simulator(house, senders)
    services = naive_sender(house.env["TS_BIND"])
    house.programs = [service.name for service in services]
    for service in services:
        house.keeper.start(service)
    house.wait_ready(*house.programs)
    return Sending(house, "", is_naive=True)


def _start_simulator(house: House, senders: Sequence[Sender]) -> None:
    """Running, with our numbers."""
    simulator = stack_house.doubles(house.env)["simulator"]
    house.keeper.start(remembering(simulator, house))
    house.wait_ready("simulator")
    for sender in senders:
        at = f"{house.env['TS_SIMULATOR_URL']}/sim/numbers/{sender.number}"
        requests.put(at, json={}, timeout=5).raise_for_status()


def _second(first: Service) -> Service:
    """It announces itself under the name of the first: two on one host are known by one name, so neither is asked."""
    return Service(SECOND, first.argv)


def _furnish(database_url: str, env: str, senders: Sequence[Sender]) -> str:
    with psycopg.connect(database_url) as conn:
        for sender in senders:
            numbers.put(conn, Number(sender.number, TENANT))
            if sender.is_raised:
                conn.execute(
                    "insert into senders (sender, kind, tenant_id, segments_per_s) values (%s, 'long-code', %s, %s)",
                    (sender.number, TENANT, sender.rate),
                )
        return mint(conn, env=env, client=CLIENT, scopes=["sms:send", "sms:read"]).text
