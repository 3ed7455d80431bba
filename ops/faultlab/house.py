"""The house under test: stores, doubles and every process of the Procfile, in a folder and on ports of its own."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import requests

from ops import demo_world
from ops.faultlab.keeper import Keeper, descendants
from ops.stack import environment, options, postgres, redis
from ops.stack import house as stack_house
from ops.stack.ports import free_port
from ops.stack.runfolder import RunFolder
from ops.stack.service import Service
from shared.db import endpoints, numbers
from shared.db.endpoints import Endpoint
from shared.db.migrate import migrate
from shared.domain.routing import Number, forwards
from shared.endpoint_care import new_secret

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 90.0
# Flower watches, S3 holds recordings, nobody writes them down: nothing of these stands behind a promise that is judged here.
LEFT_OUT = ("flower", "transcripts")
LEDGER, TEXTS = "lab-ledger", "lab-texts"
CONSUMERS: Mapping[str, Sequence[str]] = {
    LEDGER: ("call.incoming", "call.completed", "call.missed", "sms.received", "sms.delivered", "sms.undelivered"),
    TEXTS: ("sms.sent", "sms.delivered", "sms.undelivered"),
}


class NotReady(Exception):
    """The house did not open; the text says what was missing and where its logs are."""


@dataclass
class House:
    """A running house. `programs` are those that take part in the service itself."""

    folder: Path
    env: dict[str, str]
    keeper: Keeper
    programs: list[str]

    @property
    def journal(self) -> Path:
        return Path(self.env["TS_JOURNAL_DIR"])

    @property
    def journals(self) -> list[Path]:
        """Those of the ingress and of the process that answers in its place."""
        found = (self.journal, Path(self.env["TS_FALLBACK_JOURNAL_DIR"]))
        return [folder for folder in found if folder.is_dir()]

    @property
    def simulator_history(self) -> Path:
        return self.folder / "simulator.jsonl"

    def wait_ready(self, *names: str) -> None:
        if missing := self.keeper.wait(lambda: self.keeper.missing(*names), READY_WITHIN_S):
            raise NotReady(f"{missing} (logs: {self.keeper.logs})")


def open_stores(folder: Path, more: Mapping[str, str] | None = None) -> House:
    """Redis and PostgreSQL, ready; no service yet. `more` are variables that differ from a usual house's.

    Redis syncs once a second here, not at every write: a power cut then really takes something, and the journal has
    to make up for it. PostgreSQL does not sync at all: it is crashed, never unplugged, and the disk is the machine's.
    """
    run = RunFolder(folder)
    run.prepare()
    asked = options.parse(["--auto-ports", "--no-demo"], {})
    env = environment.house(asked, {}, run)
    cache = redis.server(run.data, free_port(), run.secret("REDIS_PASSWORD"), appendfsync="everysec")
    base = postgres.server(run.data, free_port(), run.secret("POSTGRES_PASSWORD"), is_durable=False)
    env |= {"TS_REDIS_URL": cache.url, "TS_DATABASE_URL": base.url, "TS_LOG_LEVEL": "info"}
    env |= more or {}
    keeper = Keeper(environment.for_children(env, _unburdened()), ROOT, run.logs)
    house = House(folder, env, keeper, [])
    for service in (cache.service, base.service):
        keeper.start(service)
    house.wait_ready("redis", "postgres")
    return house


def open_real(folder: Path, text_sids: Sequence[str]) -> House:
    """The whole service, ready. `text_sids` are texts of ours that the traffic will report on."""
    # Few people call here, and often: that each missed call of theirs is told of is what is judged.
    house = open_stores(folder, {"TS_TEXT_BACK_COOLDOWN_S": "0"})
    env, keeper = house.env, house.keeper
    for service in stack_house.doubles(env).values():
        keeper.start(remembering(service, house))
    migrate(env["TS_DATABASE_URL"])
    _furnish(env, text_sids)
    ours = stack_house.services(ROOT, env)
    house.programs = [name for name in ours if name not in LEFT_OUT]
    for name in house.programs:
        keeper.start(_piped(ours[name], folder) if name == "ingress" else ours[name])
    house.wait_ready("simulator", "standins")
    _introduce(env)
    house.wait_ready(*house.programs)
    return house


def ingress_workers(house: House) -> list[int]:
    """The pids of gunicorn's children, oldest first."""
    return [pid for pid in descendants(house.keeper.pid("ingress")) if _name(pid) not in ("cat", "")]


def remembering(service: Service, house: House) -> Service:
    """The simulator posts webhooks too, about texts that the service sends: they belong to the history."""
    if service.name != "simulator":
        return service
    return replace(service, argv=[*service.argv, "--history", str(house.simulator_history)])


def _piped(service: Service, folder: Path) -> Service:
    """The same with its log behind a pipe: a fault that limits the size of files must meet the journal, not the log."""
    pipe = folder / "ingress.pipe"
    command = service.argv[-1].removeprefix("exec ")
    shell = f'rm -f "{pipe}"; mkfifo "{pipe}"; cat <"{pipe}" & exec {command} >"{pipe}" 2>&1'
    return replace(service, argv=["/bin/sh", "-c", shell])


def _furnish(env: Mapping[str, str], text_sids: Sequence[str]) -> None:
    """Our number, the consumers, and the texts that are under way: handed to Twilio, nothing heard of them yet."""
    at = env["TS_STANDINS_URL"]
    with psycopg.connect(env["TS_DATABASE_URL"]) as conn:
        numbers.put(conn, Number(demo_world.BUSINESS, demo_world.TENANT, forwards(demo_world.OWNER, voicemail=False)))
        endpoints.put(conn, Endpoint("as-call", env["TS_AS_CALL_SERVICE_URL"], "as-call-service", "",
                                     ["call.incoming", "call.missed"], None, True))  # fmt: skip
        for name, types in CONSUMERS.items():
            secret = new_secret()
            endpoints.put(conn, Endpoint(name, f"{at}/subscriber/{name}", "standard", secret, list(types), None, True))
        with conn.cursor() as cursor:
            cursor.executemany(
                "insert into messages (message_sid, account_sid, tenant_id, direction, from_number, to_number, body, "
                "status, send_state) values (%s, %s, %s, 'outbound', %s, %s, 'On its way', 'queued', 'handed')",
                [(sid, env["TWILIO_ACCOUNT_SID"], demo_world.TENANT, demo_world.BUSINESS, demo_world.MISSED_CUSTOMER)
                 for sid in text_sids],
            )  # fmt: skip


def _introduce(env: Mapping[str, str]) -> None:
    """Tells the simulator which number is ours, and the consumers the secrets of their notifications."""
    _put(f"{env['TS_SIMULATOR_URL']}/sim/numbers/{demo_world.BUSINESS}", {})
    with psycopg.connect(env["TS_DATABASE_URL"]) as conn:
        secrets = {endpoint.id: endpoint.secret for endpoint in endpoints.every(conn)}
    for name in CONSUMERS:
        _put(f"{env['TS_STANDINS_URL']}/standin/subscriber/{name}/secret", {"secret": secrets[name]})


def _put(url: str, document: Mapping[str, str]) -> None:
    requests.put(url, json=document, timeout=5).raise_for_status()


def _unburdened() -> dict[str, str]:
    """The caller's environment without settings of the service: this house is its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("TS_", "TWILIO_", "INTERNAL_"))}


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
