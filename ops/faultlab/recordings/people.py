"""`python -m ops.faultlab.recordings.people PLAN`: recordings are made, heard all the time, held, deleted and damaged in time.

All that anybody was answered is written down. Who got no answer, or a 5xx, asks again.
"""

import json
import random
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import requests
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from ops.faultlab.history import Writer
from ops.faultlab.recordings import damage
from ops.faultlab.recordings.house import BRIEF, Bucket
from ops.faultlab.recordings.lives import Life, lives
from ops.faultlab.recordings.told import Brought, Heard, Outcome, Wished

HANDS: Final = 48  # every fate waits in one of them
LISTENERS: Final = 3
READ_S, PAUSE_S = 8.0, 0.5
SWEEP_EVERY_S: Final = 6.0
# As beat asks for it: by name, on its queue.
SWEEP: Final = ("workers.keep_recordings", "ticks")
HELD_FOR_S: Final = 3.0
ORPHANS: Final = 3
_RANGES: Final = 0.3  # of what is heard


class People:
    """Whoever makes, hears, holds and deletes. Used by all hands at once."""

    def __init__(self, plan: Mapping[str, Any], writer: Writer) -> None:
        self._plan, self._writer = plan, writer
        self._own = threading.local()
        self._ends_at = plan.get("starts_at", 0.0) + plan["lasts_s"]
        self._known: list[tuple[str, Life]] = []
        self._bucket = Bucket(plan["store_url"])
        self._celery = Celery("lab", broker=plan["redis_url"])
        self._celery.conf.broker_transport_options = {"socket_timeout": READ_S, "socket_connect_timeout": 2}

    def live(self, life: Life) -> None:
        """The whole of it, from its first sound."""
        sid = self._make(life)
        self._writer.add(Brought(sid, life.place, life.fate))
        self._known.append((sid, life))
        time.sleep(life.after_s)
        fate: Callable[[str], None] | None = getattr(self, f"_{life.fate.replace('-', '_')}", None)
        if fate is not None:
            fate(sid)

    def listen(self) -> None:
        """One thing after the other, until the end."""
        while self._goes_on():
            if known := self._known[:]:
                # What was made lately changes most.
                sid, life = random.choice(random.choice((known, known[-8:])))
                self._hear(sid, life, has_range=random.random() < _RANGES)
            time.sleep(random.uniform(0.05, 0.15))

    def listen_to_all(self, sids: Mapping[str, Life]) -> None:
        """To each once, and to some bytes of it."""
        for sid, life in sids.items():
            self._hear(sid, life, has_range=False)
            self._hear(sid, life, has_range=True)

    def sweep(self) -> None:
        """As beat asks for it every hour."""
        while self._goes_on():
            time.sleep(SWEEP_EVERY_S)
            self._ask_for_sweep()

    def begin_uploads(self) -> None:
        """As somebody does who dies before he has ended them."""
        for number in range(ORPHANS):
            name = random.Random(f"orphan/{number}").randbytes(16).hex()
            key = f"recordings/_/2026/01/01/RE{name}.wav"
            self._at_store(lambda store, key=key: store.create_multipart_upload(Bucket=self._bucket.name, Key=key))

    def _deleted(self, sid: str) -> None:
        self._wish("delete", sid, "DELETE", f"/api/recordings/{sid}", None)

    def _held(self, sid: str) -> None:
        """Held in time; then somebody tries to delete it all the same."""
        if self._hold(sid):
            self._deleted(sid)

    def _contested(self, sid: str) -> None:
        self._deleted(sid)
        if hold := self._hold(sid):
            time.sleep(HELD_FOR_S)
            self._wish("lift", sid, "DELETE", f"/api/holds/{hold}", None)

    def _released(self, sid: str) -> None:
        self._wish("class", sid, "PUT", f"/api/recordings/{sid}/retention", {"class": BRIEF})

    def _held_released(self, sid: str) -> None:
        if self._hold(sid):
            self._released(sid)

    def _damaged(self, sid: str) -> None:
        if self._becomes(sid, "stored"):
            self._plant(sid)

    def _damaged_released(self, sid: str) -> None:
        if self._becomes(sid, "stored"):
            self._plant(sid)
            self._released(sid)

    def _doomed(self, sid: str) -> None:
        self._released(sid)
        if self._becomes(sid, "provider-deleted"):
            self._plant(sid)

    def _make(self, life: Life) -> str:
        wish = {"duration_s": life.duration_s, "channels": life.channels, "callback": self._plan["callback"]}
        answer = self._session.post(f"{self._plan['simulator_url']}/sim/recordings", json=wish, timeout=60)
        answer.raise_for_status()
        return answer.json()["data"][0]

    def _hold(self, sid: str) -> str:
        """Its id; "" when the recording was not known in time."""
        return self._wish("hold", sid, "POST", f"/api/recordings/{sid}/hold", {"reason": "somebody sues"})

    def _wish(self, what: Any, sid: str, method: str, path: str, body: dict[str, Any] | None) -> str:
        """Until there is an answer that means something, or the run ends. That we do not know it yet is none."""
        sent_ns, outcome, found = time.time_ns(), "perhaps", ""
        is_sent = False
        while outcome == "perhaps" and self._goes_on():
            outcome, found, was_sent = self._asked(method, path, body)
            is_sent = is_sent or was_sent
            if outcome == "perhaps":
                time.sleep(PAUSE_S * random.uniform(0.5, 1.5))
        if is_sent:
            self._writer.add(Wished(what, sid, outcome, sent_ns, time.time_ns()))  # type: ignore[arg-type]
        return found

    def _asked(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[Outcome, str, bool]:
        """(outcome, id of what was made, whether it may have counted)."""
        try:
            answer = self._session.request(
                method, f"{self._plan['url']}{path}", json=body, headers=self._headers, timeout=(2, READ_S)
            )
            document = answer.json() if answer.ok else {}
        except (requests.RequestException, ValueError):
            return "perhaps", "", True
        if answer.ok:
            return "ok", str(document.get("id") or document.get("recording_sid") or "-"), True
        if answer.status_code == requests.codes.not_found:
            return "perhaps", "", False
        return ("perhaps" if answer.status_code >= 500 else "no"), "", True

    def _becomes(self, sid: str, state: str) -> bool:
        """Whether it does before the end."""
        while self._goes_on():
            try:
                answer = self._session.get(
                    f"{self._plan['url']}/api/recordings/{sid}", headers=self._headers, timeout=(2, READ_S)
                )
                if answer.ok and answer.json()["state"] == state:
                    return True
            except (requests.RequestException, ValueError):
                pass
            time.sleep(PAUSE_S)
        return False

    def _plant(self, sid: str) -> None:
        kind = random.Random(sid).choice(damage.KINDS)
        if done := self._at_store(lambda store: damage.plant(store, self._bucket.name, sid, kind)):
            self._writer.add(done)

    def _at_store(self, do: Callable[[Any], Any]) -> Any:
        """Again, should it be away; None if it is to the end."""
        while self._goes_on():
            try:
                return do(self._store)
            except Exception:  # noqa: BLE001 - whatever boto3 raises while the store is killed
                time.sleep(PAUSE_S)
        return None

    def _hear(self, sid: str, life: Life, *, has_range: bool) -> None:
        purpose = f"lab {uuid4()}"
        size = 44 + life.duration_s * 16_000 * life.channels
        first, last = sorted(random.randrange(size) for _ in range(2)) if has_range else (-1, -1)
        more = {"Range": f"bytes={first}-{last}"} if has_range else {}
        params = {"media": "1", "purpose": purpose}
        sent_ns, status, length, received, digest = time.time_ns(), 0, 0, 0, sha256()
        try:
            with self._session.get(
                f"{self._plan['url']}/api/recordings/{sid}", params=params, headers=self._headers | more, stream=True,
                timeout=(2, READ_S),
            ) as answer:  # fmt: skip
                status, length = answer.status_code, int(answer.headers.get("Content-Length") or 0)
                for piece in answer.iter_content(65_536):
                    received += len(piece)
                    digest.update(piece)
        except requests.RequestException:
            pass
        self._writer.add(
            Heard(sid, purpose, status, length, received, digest.hexdigest(), sent_ns, time.time_ns(), first, last)
        )

    def _ask_for_sweep(self) -> None:
        try:
            self._celery.send_task(SWEEP[0], queue=SWEEP[1], retry=False, ignore_result=True)
        except (OperationalError, RedisError, OSError):
            return  # beat loses a slot as well

    def _goes_on(self) -> bool:
        return time.monotonic() < self._ends_at

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._plan['api_key']}"}

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
            self._own.session.trust_env = False
        return self._own.session

    @property
    def _store(self) -> Any:
        if not hasattr(self._own, "store"):
            self._own.store = self._bucket.client()
        return self._own.store


def play(plan: Mapping[str, Any]) -> None:
    """Returns when every fate has come, and the last listener has heard enough."""
    writer = Writer(Path(plan["history"]))
    people = People(plan, writer)
    with ThreadPoolExecutor(HANDS) as hands, ThreadPoolExecutor(LISTENERS + 2) as others:
        begun = [others.submit(people.listen) for _ in range(LISTENERS)]
        begun += [others.submit(people.sweep), others.submit(people.begin_uploads)]
        for life in lives(plan["seed"], plan["recordings"], plan["lasts_s"]):
            time.sleep(max(0.0, plan["starts_at"] + life.at_s - time.monotonic()))
            begun.append(hands.submit(people.live, life))
        for one in begun:
            one.result()  # to hear of what has failed
    writer.close()


def listen_again(plan: Mapping[str, Any], places: Mapping[str, int]) -> None:
    """To everything, when the house is well. `places` are those of the seed's lives, by SID."""
    writer = Writer(Path(plan["history"]))
    begun = lives(plan["seed"], plan["recordings"], plan["lasts_s"])
    People(plan, writer).listen_to_all({sid: begun[place] for sid, place in places.items()})
    writer.close()


if __name__ == "__main__":
    play(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
