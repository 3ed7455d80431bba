"""The ingress is killed while people call: Twilio falls back, the calls go on, and nothing of them is lost."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import LiteralString

import psycopg
import pytest
import requests
from redis import Redis

from ops.stack import environment, options
from ops.stack import house as stack_house
from ops.stack.runfolder import RunFolder
from ops.stack.supervisor import Supervisor
from shared.db import numbers
from shared.domain.number_urls import number_urls
from shared.domain.routing import Number, Routing, Target
from shared.domain.urls import Urls

ROOT = Path(__file__).parents[2]
BUSINESS, FIRST, SECOND = "+14155550100", "+14155550199", "+14155550198"
PROGRAMS = ("ingress", "fallback", "events")
READY_WITHIN_S = 60.0
CALLERS = [f"+1212555{n:04}" for n in range(100, 106)]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def wait_for(fact, what, within_s=60.0):
    pause = Event()
    for _ in range(int(within_s / 0.05)):
        if found := fact():
            return found
        pause.wait(0.05)
    pytest.fail(f"not within {within_s} s: {what}")


class House:
    """The simulator, both receivers and the worker of events, over this test's stores."""

    def __init__(self, folder: Path, redis_url: str, database_url: str) -> None:
        run = RunFolder(folder)
        run.prepare()
        told = environment.house(options.parse(["--auto-ports", "--no-demo"], {}), {}, run)
        self.env = told | {"TS_REDIS_URL": redis_url, "TS_DATABASE_URL": database_url}
        self.supervisor = Supervisor(
            env=environment.for_children(self.env, {}), cwd=ROOT, logs=run.logs, say=lambda _: None
        )
        self.services = stack_house.doubles(self.env) | stack_house.services(ROOT, self.env)
        self.conn = psycopg.connect(database_url, autocommit=True)
        numbers.put(self.conn, Number(BUSINESS, "t", Routing((Target(FIRST), Target(SECOND)))))
        for name in ("simulator", *PROGRAMS):
            self.supervisor.start(self.services[name])
        self.supervisor.wait_ready(("simulator", *PROGRAMS), READY_WITHIN_S)
        urls = number_urls(Urls(self.env["TS_PUBLIC_URL"]), Urls(self.env["TS_FALLBACK_URL"]))
        self.tell("PUT", f"numbers/{BUSINESS}", urls)
        self.tell("PUT", f"phones/{FIRST}", {"answers": "no-answer"})
        self.tell("PUT", f"phones/{SECOND}", {"answer_after_s": 1, "talk_s": 2})
        self.tell("POST", "settings", {"speed": 20})

    def tell(self, method: str, path: str, document: object = None) -> dict:
        answer = requests.request(method, f"{self.env['TS_SIMULATOR_URL']}/sim/{path}", json=document, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def comes_in(self, caller: str) -> str:
        return self.tell("POST", "calls", {"from": caller, "to": BUSINESS})["sid"]

    def call(self, sid: str) -> dict:
        return self.tell("GET", f"calls/{sid}")

    def rows(self, query: LiteralString, *values: object) -> list[tuple]:
        return self.conn.execute(query, values).fetchall()


@pytest.fixture
def house(tmp_path: Path, redis_url: str, database_url: str) -> Iterator[House]:
    opened = House(tmp_path / "run", redis_url, database_url)
    yield opened
    opened.supervisor.stop(stack_house.STOP_ORDER)
    opened.conn.close()


def test_calls_go_on_while_the_ingress_is_dead_and_nothing_of_them_is_lost(house):
    ringing = [house.comes_in(caller) for caller in CALLERS[:3]]
    wait_for(lambda: all("Dial" in verbs(house.call(sid)) for sid in ringing), "the first phone rings")
    house.supervisor.kept["ingress"].child.kill()
    sids = [*ringing, *(house.comes_in(caller) for caller in CALLERS[3:])]  # these find nobody at the main address
    calls = wait_for(lambda: all_over([house.call(sid) for sid in sids]), "all calls are over")
    for call in calls:
        assert call["status"] == "completed", call
        assert [child["to"] for child in call["children"] if child["status"] == "completed"] == [SECOND], call
        assert not [step for step in call["steps"] if "application error" in step.get("text", "")], call
    house.supervisor.start(house.services["ingress"])
    house.supervisor.wait_ready(["ingress"], READY_WITHIN_S)
    query = "select call_sid from calls where dial_status = 'completed'"
    wait_for(lambda: {row[0] for row in house.rows(query)} >= {*sids}, "PostgreSQL knows that each was taken")
    alerts = house.rows("select resource_sid, level, code, url from alerts where source = 'call-fallback'")
    assert {sid for sid, *_ in alerts} == {*sids}
    assert {level for _, level, _, _ in alerts} == {"error"}
    assert all(code and url.startswith(house.env["TS_PUBLIC_URL"]) for _, _, code, url in alerts)
    assert "fallback_used" in log_of(house, "events")
    assert 'fallbacks_used_total{failed="dial",kind="call-fallback"}' in metrics_of(house)


def test_what_the_fallback_alone_has_on_its_disk_comes_into_postgresql(house, redis_url):
    """Both receivers die, and Redis forgets: the next fallback receiver finds the journal of the one before."""
    for name in ("ingress", "events"):
        house.supervisor.kept[name].child.kill()
    sid = house.comes_in(CALLERS[0])
    wait_for(lambda: "Dial" in verbs(house.call(sid)), "the fallback has answered")
    house.supervisor.kept["fallback"].child.kill()
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    for name in ("fallback", "events"):
        house.supervisor.start(house.services[name])
    wait_for(
        lambda: house.rows("select 1 from events where kind = 'call-fallback' and %s = any(sids)", sid),
        "the event is in PostgreSQL",
    )


def verbs(call: dict) -> list[str]:
    return [step["verb"] for step in call["steps"]]


def all_over(calls: list[dict]) -> list[dict]:
    over = ("completed", "failed", "busy", "no-answer", "canceled")
    return calls if all(call["status"] in over for call in calls) else []


def log_of(house: House, name: str) -> str:
    return (house.supervisor.logs / f"{name}.log").read_text()


def metrics_of(house: House) -> str:
    return requests.get(f"{house.env['TS_ADMIN_URL']}/metrics", timeout=10).text
