"""Fills the sandbox: an API key, the demo's numbers and subscribers, here and at the simulated outside."""

from collections.abc import Mapping

import psycopg
import requests
from psycopg import Connection

from ops import demo_world as world
from ops.manage.keys import mint
from shared.db import api_keys, endpoints, numbers
from shared.db.endpoints import Endpoint
from shared.domain import api_key
from shared.domain.api_key import SCOPES
from shared.domain.notices import FOR_AS_CALL, OF_MESSAGE_STATUS
from shared.domain.number_urls import number_urls
from shared.domain.routing import Number, RecordingPolicy, forwards
from shared.domain.urls import Urls
from shared.endpoint_care import new_secret

_PATIENCE_S = 5.0  # all of it is on this machine
_CLIENT = "demo"


def seed_sandbox(env: Mapping[str, str]) -> dict[str, str]:
    """Writes what the demo needs into the database; returns TS_API_KEY, the old one if it still opens the door."""
    with psycopg.connect(env["TS_DATABASE_URL"]) as conn:
        for number in _numbers():
            numbers.put(conn, number)
        _endpoints(conn, env)
        return {"TS_API_KEY": _key(conn, env.get("TS_API_KEY", ""))}


def introduce(env: Mapping[str, str]) -> None:
    """Tells the simulator where our numbers' webhooks go, and the stand-ins the secrets and owners they need to know.

    Raises requests.RequestException.
    """
    simulator, standins, public = env.get("TS_SIMULATOR_URL"), env.get("TS_STANDINS_URL"), env["TS_PUBLIC_URL"]
    urls = number_urls(Urls(public), Urls(env.get("TS_FALLBACK_URL") or public))
    for number in _numbers():
        if simulator:
            _put(f"{simulator}/sim/numbers/{number.phone_number}", urls)
        if standins:
            _put(f"{standins}/standin/pns/{number.phone_number}", {"tenantId": number.tenant_id, "status": "active"})
    if standins:
        with psycopg.connect(env["TS_DATABASE_URL"]) as conn:
            known = {endpoint.id: endpoint.secret for endpoint in endpoints.every(conn)}
        for name in world.SUBSCRIBERS:
            _put(f"{standins}/standin/subscriber/{name}/secret", {"secret": known[name]})


def _numbers() -> list[Number]:
    return [
        # The demo's story ends with the text back; a voicemail would only keep the caller on the line.
        Number(world.BUSINESS, world.TENANT, forwards(world.OWNER, voicemail=False)),
        Number(world.RECORDED, world.TENANT, forwards(world.RECORDED_OWNER, recording=RecordingPolicy("on"))),
    ]


def _endpoints(conn: Connection, env: Mapping[str, str]) -> None:
    known = {endpoint.id: endpoint for endpoint in endpoints.every(conn)}
    if as_call := env.get("TS_AS_CALL_SERVICE_URL"):
        endpoints.put(conn, Endpoint("as-call", as_call, "as-call-service", "", list(FOR_AS_CALL), None, True))
    if standins := env.get("TS_STANDINS_URL"):
        sms_types = ["sms.queued", *OF_MESSAGE_STATUS.values()]
        for name, types in ((world.DELIVERY_SUBSCRIBER, sms_types), (world.ANALYTICS_SUBSCRIBER, [])):
            secret = known[name].secret if name in known else new_secret()
            endpoints.put(conn, Endpoint(name, f"{standins}/subscriber/{name}", "standard", secret, types, None, True))


def _key(conn: Connection, kept: str) -> str:
    """A key that was given out before is kept: scripts that hold it go on working."""
    key = api_key.read(kept)
    row = api_keys.find(conn, key.key_id) if key else None
    if key and row and row.digest == key.digest() and row.revoked_at is None and set(row.scopes) == SCOPES:
        return kept
    return mint(conn, env="sandbox", client=_CLIENT, scopes=sorted(SCOPES)).text


def _put(url: str, document: Mapping[str, str | None]) -> None:
    requests.put(url, json=dict(document), timeout=_PATIENCE_S).raise_for_status()
