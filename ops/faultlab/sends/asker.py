"""`python -m ops.faultlab.sends.asker PLAN`: asks for the texts of a seed, says the STOPs, writes down what was answered.

A client as it should be: what got no answer, or a 5xx, is asked for again under the same key.
"""

import json
import random
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import requests
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from ops.faultlab.history import Writer
from ops.faultlab.sends.asks import CLIENT, TENANT, Ask, Bulk, Stop, load
from ops.faultlab.sends.told import Asked, Outcome, Stopped

HANDS = 24  # at once: a slow answer must not keep the next text from being asked for
READ_S, PAUSE_S = 6.0, 1.0  # a second is what the service asks for in its Retry-After
TRIES = 40  # longer than any fault holds
QUEUE, TASK = "sms.jobs", "twilio_server.sms.send.v1"  # the contract, as other services know it


class Asker:
    """One client with its key, and the people who text us. Used by all hands at once."""

    def __init__(self, plan: Mapping[str, Any], writer: Writer) -> None:
        self._plan, self._writer = plan, writer
        self._own = threading.local()
        self._celery = Celery("lab", broker=plan["redis_url"])
        self._celery.conf.broker_transport_options = {"socket_timeout": READ_S, "socket_connect_timeout": 2}

    def ask(self, ask: Ask) -> None:
        """Until there is an answer that means something."""
        sent_ns, outcome, message_id = time.time_ns(), "perhaps", ""
        through = self._post if ask.door == "http" else self._push
        for _ in range(TRIES):
            outcome, message_id = through(ask)
            if outcome != "perhaps":
                break
            time.sleep(PAUSE_S * random.uniform(0.5, 1.5))
        self._writer.add(
            Asked(ask.key, ask.door, ask.sender, ask.to, ask.body, outcome, message_id, sent_ns, time.time_ns())
        )

    def ask_many(self, bulk: Bulk) -> None:
        """As `ask`, for all of these; which texts they have become is not in the answer."""
        sent_ns, outcome = time.time_ns(), "perhaps"
        for _ in range(TRIES):
            outcome = self._post_bulk(bulk)
            if outcome != "perhaps":
                break
            time.sleep(PAUSE_S * random.uniform(0.5, 1.5))
        for ask in bulk.asks:
            self._writer.add(
                Asked(ask.key, ask.door, ask.sender, ask.to, ask.body, outcome, "", sent_ns, time.time_ns())
            )

    def stop(self, stop: Stop) -> None:
        """A signed webhook, of which the simulator's own list of opt-outs knows nothing: we alone must hold the text back."""
        for _ in range(TRIES):
            if self._announced(stop):
                self._writer.add(Stopped(stop.person, stop.sender, time.time_ns()))
                return
            time.sleep(PAUSE_S)

    def _post(self, ask: Ask) -> tuple[Outcome, str]:
        document = {"to": ask.to, "from": ask.sender, "body": ask.body, "tenant_id": TENANT}
        outcome, said = self._through_door("/api/sms/send", document, ask.key)
        return outcome, str(said["id"]) if outcome == "ok" else ""

    def _post_bulk(self, bulk: Bulk) -> Outcome:
        people = [{"to": ask.to, "body": ask.body, "idempotency_key": ask.key} for ask in bulk.asks]
        document = {"from": bulk.asks[0].sender, "tenant_id": TENANT, "recipients": people}
        return self._through_door("/api/sms/bulk", document, bulk.key)[0]

    def _through_door(self, path: str, document: Mapping[str, Any], key: str) -> tuple[Outcome, Mapping[str, Any]]:
        headers = {"Authorization": f"Bearer {self._plan['api_key']}", "Idempotency-Key": key}
        try:
            answer = self._session.post(f"{self._plan['url']}{path}", json=document, headers=headers, timeout=READ_S)
        except requests.RequestException:
            return "perhaps", {}
        if answer.status_code in (201, 202):
            return "ok", answer.json()
        # 409: the first try is still under way. 429: come again.
        is_no = 400 <= answer.status_code < 500 and answer.status_code not in (409, 429)
        return ("no" if is_no else "perhaps"), {}

    def _push(self, ask: Ask) -> tuple[Outcome, str]:
        job = {"client": CLIENT, "idempotency_key": ask.key, "tenant_id": TENANT}
        job |= {"to": ask.to, "from": ask.sender, "body": ask.body}
        try:
            self._celery.send_task(TASK, args=[job], queue=QUEUE, retry=False, ignore_result=True)
        except (OperationalError, RedisError, OSError):
            return "perhaps", ""
        return "ok", ""

    def _announced(self, stop: Stop) -> bool:
        sid = f"SM{uuid5(NAMESPACE_URL, stop.person + stop.sender).hex}"
        params = {
            "MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "AccountSid": self._plan["account_sid"],
            "From": stop.person, "To": stop.sender, "Body": "STOP", "NumMedia": "0", "NumSegments": "1",
            "SmsStatus": "received", "ApiVersion": "2010-04-01",
        }  # fmt: skip
        wish = {"url": f"{self._plan['url']}/api/sms/incoming", "params": params, "kind": "sms"}
        try:
            told = self._session.post(f"{self._plan['simulator_url']}/sim/webhook", json=wish, timeout=20).json()
        except (requests.RequestException, ValueError):
            return False
        return told.get("http_status") in (200, 204)

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
            self._own.session.trust_env = False
        return self._own.session


def play(plan: Mapping[str, Any]) -> None:
    """Returns when the last text was answered or given up."""
    writer = Writer(Path(plan["history"]))
    asker = Asker(plan, writer)
    wanted = load(plan["seed"], plan["texts"], plan["lasts_s"], is_naive=plan["is_naive"])
    with ThreadPoolExecutor(HANDS) as hands, ThreadPoolExecutor(4) as people:
        for entry in sorted([*wanted.asks, *wanted.bulks, *wanted.stops], key=lambda entry: entry.at_s):
            time.sleep(max(0.0, plan["starts_at"] + entry.at_s - time.monotonic()))
            match entry:
                case Ask():
                    hands.submit(asker.ask, entry)
                case Bulk():
                    hands.submit(asker.ask_many, entry)
                case Stop():
                    people.submit(asker.stop, entry)
    writer.close()


if __name__ == "__main__":
    play(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
