"""The whole house with its customers, for the tests of UC-006: who calls, what as-call-service is told, who texts whom."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from ops.demo.stage import Stage, stage
from ops.demo_world import BUSINESS, OWNER
from ops.stack import envfile
from tests.told import wrongly_told

ROOT = Path(__file__).parents[2]
START_WITHIN_S, END_WITHIN_S = 90, 60
# World seconds in a real one: the owner's phone rings for a second.
SPEED = 20
TEXT_BACK = "Sorry we missed your call"


def wait_for(fact: Callable[[], object], what: str, limit_s: float = 45) -> None:
    """Return as soon as `fact` holds; fail with `what` at the limit."""
    deadline, pause = time.monotonic() + limit_s, Event()
    while not fact():
        assert time.monotonic() < deadline, f"not within {limit_s:.0f} s: {what}"
        pause.wait(0.05)


@contextmanager
def house(folder: Path) -> Iterator["Loop"]:
    """`./ops/up` without its demo, on free ports; the owner answers no call."""
    started = subprocess.Popen(
        [sys.executable, "-m", "ops.stack.up", "--auto-ports", "--no-demo"],
        cwd=ROOT,
        env={**os.environ, "TS_RUN_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_for(lambda: (folder / "env").exists() or started.poll() is not None, "the house is open", START_WITHIN_S)
        if started.poll() is not None:
            pytest.fail(f"ended while starting:\n{started.communicate()[0]}")
        loop = Loop(stage(envfile.read(folder / "env")))
        loop.stage.phone(OWNER, answers="no-answer")
        loop.speed(SPEED)
        yield loop
        assert [*wrongly_told(loop.stage.env["TS_DATABASE_URL"])] == []
    finally:
        started.terminate()
        started.communicate(timeout=END_WITHIN_S)


class Loop:
    """The house, seen from outside: by the simulator of Twilio, the stand-in of as-call-service, and our API."""

    def __init__(self, stage: Stage):
        self.stage = stage

    # What one may do.

    def speed(self, speed: float) -> None:
        self.stage.simulator.json("POST", "/sim/settings", json={"speed": speed})

    def calls(self, customer: str) -> str:
        """The customer calls and nobody answers; the call's SID."""
        return self.stage.place_call(customer, BUSINESS, hangup_after_s=45)

    def writes(self, customer: str, body: str) -> str:
        return self.stage.write_text(customer, BUSINESS, body)

    def ways(self, **wishes: object) -> None:
        self.stage.standins.json("PUT", "/standin/as-call/ways", json=wishes)

    def trouble(self, *orders: dict[str, object]) -> None:
        """These troubles of as-call-service and no others; none: it is well again."""
        self.stage.standins.json("PUT", "/standin/faults", json={"as-call": list(orders)})

    def human_answers(self, conversation_id: str, body: str) -> None:
        path = f"/standin/as-call/conversations/{conversation_id}/reply"
        self.stage.standins.json("POST", path, json={"message": body})

    # What one may see.

    def told(self, customer: str, call_sid: str) -> list[tuple[str, bool]]:
        """(what, whether it said yes) of all that as-call-service was told of this customer, in order of its answers."""
        requests = self.stage.as_call()["requests"]
        mine = [entry for entry in requests if call_sid in str(entry["body"]) or customer in str(entry["body"])]
        return [(entry["path"].rpartition("/")[2], entry["is_taken"]) for entry in mine]

    def taken(self, customer: str, call_sid: str) -> list[str]:
        """What it has taken and said so, in order."""
        return [what for what, is_taken in self.told(customer, call_sid) if is_taken]

    def conversation(self, call_sid: str) -> dict[str, Any]:
        """The call's conversation; empty as long as there is none."""
        state = self.stage.as_call()
        return state["conversations"].get(state["calls"].get(call_sid, {}).get("conversation_id"), {})

    def said(self, call_sid: str) -> list[tuple[str, str]]:
        """(who, what) in the call's conversation."""
        return [(message["sender"], message["body"]) for message in self.conversation(call_sid).get("messages", [])]

    def heard(self, customer: str) -> list[tuple[str, str]]:
        """(conversation, what the customer said there), over all conversations with them."""
        found = [it for it in self.stage.as_call()["conversations"].values() if it["customer_phone"] == customer]
        return [(it["id"], said["body"]) for it in found for said in it["messages"] if said["sender"] == "customer"]

    def texts(self, customer: str) -> list[dict[str, Any]]:
        """What this customer's phone got from us, oldest first."""
        found = self.stage.simulator.json("GET", "/sim/messages", params={"to": customer, "from": BUSINESS})
        return found["data"][::-1]

    def bodies(self, customer: str) -> list[str]:
        return [text["body"] for text in self.texts(customer)]

    def text_backs(self, customer: str) -> int:
        """How many we were asked for and took for another text, sent already or not."""
        known = self.stage.service.json("GET", "/api/sms", params={"to": customer, "limit": 50})["data"]
        return sum(TEXT_BACK in message["body"] for message in known)

    def all_delivered(self, customer: str) -> bool:
        """As we know it ourselves: Twilio has a text a moment before we know its SID."""
        answers = [self.stage.service.ask("GET", f"/api/sms/{text['sid']}") for text in self.texts(customer)]
        return all(answer.ok and answer.json()["status"] == "delivered" for answer in answers)

    def decision(self, call_sid: str) -> str | None:
        answer = self.stage.service.ask("GET", f"/api/calls/{call_sid}")
        return answer.json().get("decision") if answer.ok else None

    def wait_taken(self, customer: str, call_sid: str, *what: str, limit_s: float = 45) -> None:
        """Until as-call-service has taken at least this of the customer, in this order; then exactly this."""
        wait_for(lambda: len(self.taken(customer, call_sid)) >= len(what), f"{customer}: {what}", limit_s)
        assert self.taken(customer, call_sid) == [*what]

    def wait_texts(self, customer: str, count: int) -> None:
        """Until the customer has so many texts, all delivered."""
        wait_for(lambda: len(self.texts(customer)) >= count, f"{count} texts to {customer}")
        wait_for(lambda: self.all_delivered(customer), f"the texts to {customer} are delivered")
