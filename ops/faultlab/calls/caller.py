"""`python -m ops.faultlab.calls.caller PLAN`: everybody of a seed calls in time, clients ask their wishes, all is written down.

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

from ops.faultlab.calls.lives import Kind, Life, lives
from ops.faultlab.calls.told import Outcome, Rang, Wished
from ops.faultlab.history import Writer

HANDS = 24  # at once: who waits to ask his wish must not keep others from calling
READ_S, PAUSE_S = 6.0, 1.0
# Longer than any fault holds, and than a call is unknown to us that Redis has forgotten: three quarters of a minute.
TRIES = 75
BODIES: Mapping[str, dict[str, Any]] = {"end": {}, "redirect": {"say": "Please call again tomorrow."}}


class Callers:
    """People and one client. Used by all hands at once."""

    def __init__(self, plan: Mapping[str, Any], writer: Writer) -> None:
        self._plan, self._writer = plan, writer
        self._own = threading.local()

    def live(self, life: Life) -> None:
        """The whole of it, from the moment of its first ring."""
        if life.kind is None:
            self._wish("place", life, "", "/api/calls", {"to": life.customer, "from": life.business, "say": "Hello"})
            return
        sid = self._ring(life, life.kind)
        if not life.kind.wish or self._plan["is_naive"]:
            return
        time.sleep(life.kind.wish_after_s)
        match life.kind.wish:
            case "again":
                self._ring(life, life.kind)
            case "end":
                self._wish("end", life, sid, f"/api/calls/{sid}/end", BODIES["end"])
            case _:
                self._wish("redirect", life, sid, f"/api/calls/{sid}/redirect", BODIES["redirect"])

    def _ring(self, life: Life, kind: Kind) -> str:
        # The naive service can end no call: there everybody leaves of his own accord.
        leaves = {"hangup_after_s": 20} if self._plan["is_naive"] else {}
        said = {"from": life.customer, "to": life.business, **leaves, **kind.calling}
        answer = self._session.post(f"{self._plan['simulator_url']}/sim/calls", json=said, timeout=60)
        answer.raise_for_status()
        sid = answer.json()["sid"]
        self._writer.add(Rang(sid, life.place))
        return sid

    def _wish(self, what: Any, life: Life, about: str, path: str, body: dict[str, Any]) -> None:
        """Until there is an answer that means something. A call that we have not heard of yet is one."""
        key = str(uuid5(NAMESPACE_URL, f"{self._plan['seed']}/{what}/{life.place}"))
        outcome: Outcome = "perhaps"
        found = ""
        for _ in range(TRIES):
            outcome, found = self._asked(path, body, key, is_early="perhaps" if about else "no")
            if outcome != "perhaps":
                break
            time.sleep(PAUSE_S * random.uniform(0.5, 1.5))
        self._writer.add(Wished(what, life.place, about, outcome, found))

    def _asked(self, path: str, body: dict[str, Any], key: str, *, is_early: Outcome) -> tuple[Outcome, str]:
        headers = {"Authorization": f"Bearer {self._plan['api_key']}", "Idempotency-Key": key}
        try:
            answer = self._session.post(f"{self._plan['url']}{path}", json=body, headers=headers, timeout=(2, READ_S))
            document = answer.json() if answer.ok else {}
        except (requests.RequestException, ValueError):
            return "perhaps", ""
        if answer.ok:
            return "ok", str(document.get("id", ""))
        if answer.status_code == requests.codes.not_found:
            return is_early, ""
        # 409: the same key is being worked on.
        return ("perhaps" if answer.status_code >= 500 or answer.status_code in (409, 429) else "no"), ""

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
        return self._own.session


def main(path: Path) -> int:
    """Returns when everybody has called, and every wish was answered."""
    plan = json.loads(path.read_text(encoding="utf-8"))
    writer = Writer(Path(plan["history"]))
    callers = Callers(plan, writer)
    with ThreadPoolExecutor(HANDS) as hands:
        begun = []
        for life in lives(plan["seed"], plan["calls"], plan["lasts_s"], with_slow=plan["with_slow"]):
            time.sleep(max(0.0, plan["starts_at"] + life.at_s - time.monotonic()))
            begun.append(hands.submit(callers.live, life))
        for one in begun:
            one.result()  # to hear of what has failed
    writer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
