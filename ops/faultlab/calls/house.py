"""The house for the fault run of calls: everything that answers, decides, tells and texts, and the doubles around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import requests

from ops.faultlab.calls.lives import CLIENT, TENANT, Life
from ops.faultlab.house import ROOT, House, open_stores, remembering
from ops.faultlab.naive.house import TEXTS_TABLE, naive_calls
from ops.manage.keys import mint
from ops.stack import house as stack_house
from shared.db import endpoints, numbers
from shared.db.endpoints import Endpoint
from shared.db.migrate import migrate
from shared.domain.notices import FOR_AS_CALL
from shared.domain.number_urls import number_urls
from shared.domain.routing import Number, of
from shared.domain.twiml import Urls
from shared.endpoint_care import new_secret

PROGRAMS: Final = ("ingress", "fallback", "events", "sms", "calls", "recordings", "notify", "beat")
SUBSCRIBER: Final = "lab-calls"
HEARS: Final = ("call.incoming", "call.completed", "call.missed")


@dataclass(frozen=True)
class Calling:
    """A running house, the key of the client that controls calls, and whether it is ours."""

    house: House
    api_key: str
    is_naive: bool = False


def open_calling(folder: Path, lives: Sequence[Life]) -> Calling:
    """Ready to be called. Raises house.NotReady."""
    house = open_stores(folder, {"TS_PNS_URL": ""})
    env = house.env
    migrate(env["TS_DATABASE_URL"])
    secret = new_secret()
    api_key = _furnish(env, lives, secret)
    _start_doubles(house)
    requests.put(
        f"{env['TS_STANDINS_URL']}/standin/subscriber/{SUBSCRIBER}/secret", json={"secret": secret}, timeout=5
    ).raise_for_status()
    _introduce(env, lives, number_urls(Urls(env["TS_PUBLIC_URL"]), Urls(env["TS_FALLBACK_URL"])))
    ours = stack_house.services(ROOT, env)
    house.programs = [*PROGRAMS]
    for name in PROGRAMS:
        house.keeper.start(ours[name])
    house.wait_ready(*PROGRAMS)
    return Calling(house, api_key)


def open_naive(folder: Path, lives: Sequence[Life]) -> Calling:
    """The naive service, ready; it rings one phone whoever calls, and asks for no key."""
    house = open_stores(folder, {})
    env = house.env
    with psycopg.connect(env["TS_DATABASE_URL"]) as conn:
        conn.execute(TEXTS_TABLE)
    _start_doubles(house)
    at = env["TS_PUBLIC_URL"]
    told = {"voice_url": f"{at}/api/calls/incoming", "status_callback": f"{at}/api/webhooks/call"}
    _introduce(env, lives, told)
    services = naive_calls(env["TS_BIND"])
    house.programs = [service.name for service in services]
    for service in services:
        house.keeper.start(service)
    house.wait_ready(*house.programs)
    return Calling(house, "", is_naive=True)


def _start_doubles(house: House) -> None:
    for service in stack_house.doubles(house.env).values():
        house.keeper.start(remembering(service, house))
    house.wait_ready("simulator", "standins")


def _furnish(env: Mapping[str, str], lives: Sequence[Life], secret: str) -> str:
    """Our numbers, who is told, and a key."""
    at, as_call = env["TS_STANDINS_URL"], env["TS_AS_CALL_SERVICE_URL"]
    with psycopg.connect(env["TS_DATABASE_URL"]) as conn:
        for life in lives:
            numbers.put(conn, Number(life.business, TENANT, of(life.routing())))
        endpoints.put(conn, Endpoint("as-call", as_call, "as-call-service", "", list(FOR_AS_CALL), None, True))
        subscriber = Endpoint(SUBSCRIBER, f"{at}/subscriber/{SUBSCRIBER}", "standard", secret, list(HEARS), None, True)
        endpoints.put(conn, subscriber)
        return mint(conn, env=env["TS_ENV"], client=CLIENT, scopes=["calls:control", "calls:read"]).text


def _introduce(env: Mapping[str, str], lives: Sequence[Life], urls: Mapping[str, str]) -> None:
    """Tells the simulator which numbers are ours, and what each phone does."""
    with requests.Session() as session:
        for life in lives:
            for path, said in ((f"numbers/{life.business}", urls), *_phones(life)):
                put = session.put(f"{env['TS_SIMULATOR_URL']}/sim/{path}", json=dict(said), timeout=30)
                put.raise_for_status()


def _phones(life: Life) -> list[tuple[str, Mapping[str, object]]]:
    return [(f"phones/{address}", phone) for address, phone in life.phones().items()]
