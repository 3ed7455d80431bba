"""The house for the fault run of recordings: what hears of them, fetches, keeps, serves and deletes them, and a store."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import psycopg
import requests

from ops.faultlab.house import ROOT, House, open_stores, remembering
from ops.faultlab.recordings.faults import FRONT_URL
from ops.manage import endpoints as manage_endpoints
from ops.manage.keys import mint
from ops.stack import house as stack_house
from ops.stack import probes, s3
from ops.stack.ports import free_port
from ops.stack.service import Service
from shared.db import endpoints
from shared.db.endpoints import Endpoint
from shared.db.migrate import migrate

PROGRAMS: Final = ("ingress", "events", "recordings", "notify", "beat")
SUBSCRIBER: Final = "lab-recordings"
HEARS: Final = ("recording.available", "recording.failed", "recording.deleted")
CLIENT: Final = "lab"
# A recording of this class leaves Twilio once it is here; the others stay.
BRIEF: Final = "brief"


@dataclass(frozen=True)
class Keeping:
    """A running house, where its store really is, and the key of the client that hears and deletes."""

    house: House
    store: "Bucket"
    api_key: str


@dataclass(frozen=True)
class Bucket:
    """The store itself, past everything that stands before it."""

    url: str
    name: str = s3.BUCKET

    def client(self) -> Any:
        """boto3's."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3", endpoint_url=self.url, region_name=s3.REGION, aws_access_key_id="lab", aws_secret_access_key="lab",  # noqa: S106 - the stand-in takes any
            config=Config(s3={"addressing_style": "path"}, connect_timeout=2, read_timeout=60),
        )  # fmt: skip


def open_keeping(folder: Path, seed: int) -> Keeping:
    """Ready to be told of recordings. Raises house.NotReady."""
    store = s3.server(folder / "data", free_port())
    front = f"http://127.0.0.1:{free_port()}"
    more = {
        "TS_PNS_URL": "", FRONT_URL: front, "TS_S3_ENDPOINT_URL": front, "TS_S3_BUCKET": s3.BUCKET,
        "TS_S3_REGION": s3.REGION, "TS_S3_ACCESS_KEY_ID": "lab", "TS_S3_SECRET_ACCESS_KEY": "lab",
    }  # fmt: skip
    house = open_stores(folder, more)
    env = house.env
    _start_doubles(house, store, front, seed)
    migrate(env["TS_DATABASE_URL"])
    api_key = _furnish(env)
    ours = stack_house.services(ROOT, env)
    house.programs = [*PROGRAMS]
    for name in PROGRAMS:
        house.keeper.start(ours[name])
    house.wait_ready(*PROGRAMS)
    return Keeping(house, Bucket(store.url), api_key)


def _start_doubles(house: House, store: s3.S3Server, front_url: str, seed: int) -> None:
    house.keeper.start(store.service)
    house.keeper.start(_front(front_url, store.url))
    for name, service in stack_house.doubles(house.env).items():
        if name == "simulator":  # the same SIDs in every run of a seed, so that the same ones meet trouble
            service = replace(service, argv=[*service.argv, "--seed", str(seed)])
        house.keeper.start(remembering(service, house))
    house.wait_ready("s3", "front", "simulator", "standins")


def _front(url: str, to: str) -> Service:
    port = url.rpartition(":")[2]
    argv = [sys.executable, "-m", "ops.faultlab.recordings.front", "--port", port, "--to", to]
    return Service("front", argv, probe=lambda _pid: probes.http_ok(f"{url}/{s3.BUCKET}", "HEAD"))


def _furnish(env: Mapping[str, str]) -> str:
    """Who is told, the class of what is to leave Twilio, and a key."""
    at, secret = env["TS_STANDINS_URL"], manage_endpoints.new_secret()
    with psycopg.connect(env["TS_DATABASE_URL"]) as conn:
        subscriber = Endpoint(SUBSCRIBER, f"{at}/subscriber/{SUBSCRIBER}", "standard", secret, list(HEARS), None, True)
        endpoints.put(conn, subscriber)
        conn.execute("insert into retention_classes values ('', %s, null, 0, 'lab')", (BRIEF,))
        key = mint(conn, env=env["TS_ENV"], client=CLIENT, scopes=["recordings:read", "recordings:delete"]).text
    told = requests.put(f"{at}/standin/subscriber/{SUBSCRIBER}/secret", json={"secret": secret}, timeout=5)
    told.raise_for_status()
    return key
