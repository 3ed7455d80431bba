"""Knows the doors the stories go through: the service, the simulator of Twilio, the stand-ins, Flower, the queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import requests

from ops.demo.check import NotYet
from ops.demo_world import stranger

# Every answer here comes from this machine; whoever takes longer hangs.
PATIENCE_S = 10.0


class Door:
    """JSON over HTTP with one base URL. Not for two threads at once."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None):
        self.url = url.rstrip("/")
        self.session = requests.Session()
        self.session.headers.update(headers or {})

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=PATIENCE_S, **more)

    def json(self, method: str, path: str, **more: Any) -> Any:
        """The answer's JSON, None for an empty one. Raises NotYet on anything but 2xx: it may be true a moment later."""
        answer = self.ask(method, path, **more)
        if not answer.ok:
            raise NotYet(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer.json() if answer.content else None


@dataclass(frozen=True)
class Stage:
    """What one lane of stories has in its hands. `mark` is unique to this performance and goes into its texts.

    `began_ns`: when the performance began, nanoseconds since 1970.
    """

    env: Mapping[str, str]
    service: Door
    simulator: Door
    standins: Door
    mark: str
    began_ns: int = 0

    @property
    def missed_caller(self) -> str:
        return stranger(f"missed {self.mark}")

    @property
    def repeated_caller(self) -> str:
        return stranger(f"repeated {self.mark}")

    def as_call(self) -> Any:
        return self.standins.json("GET", "/standin/as-call/state")

    def received(self, subscriber: str) -> list[Any]:
        return self.standins.json("GET", f"/standin/subscriber/{subscriber}")["received"]

    def phone(self, number: str, **behaviour: object) -> None:
        """How an outside phone behaves when it is dialled, see the simulator's control API."""
        self.simulator.json("PUT", f"/sim/phones/{number}", json=behaviour)

    def place_call(self, caller: str, called: str, **more: object) -> str:
        """A customer calls; returns the call's SID at once, the call goes on by itself."""
        return self.simulator.json("POST", "/sim/calls", json={"from": caller, "to": called, **more})["sid"]

    def write_text(self, sender: str, to: str, body: str) -> str:
        """A customer texts; returns the message's SID."""
        return self.simulator.json("POST", "/sim/messages", json={"from": sender, "to": to, "body": body})["sid"]

    def webhooks(self, sid: str) -> list[Any]:
        return self.simulator.json("GET", "/sim/webhooks", params={"sid": sid})["data"]

    def events(self, sid: str) -> list[Any]:
        """What the service knows to have happened to this call, message or recording."""
        return self.service.json("GET", "/api/events", params={"sid": sid, "limit": 200})["data"]


def stage(env: Mapping[str, str], mark: str | None = None, began_ns: int = 0) -> Stage:
    return Stage(
        env=env,
        service=Door(env["TS_URL"], {"Authorization": f"Bearer {env['TS_API_KEY']}"}),
        simulator=Door(env["TS_SIMULATOR_URL"]),
        standins=Door(env["TS_STANDINS_URL"]),
        mark=mark or uuid4().hex[:8],
        began_ns=began_ns,
    )
