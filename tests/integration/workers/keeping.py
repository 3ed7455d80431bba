"""Stored recordings for tests: in our store, and at a simulated Twilio that the test may look into."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from threading import Thread

from ops.twilio_sim.app import create_app
from ops.twilio_sim.resources.recording import Recording
from ops.twilio_sim.server import server_for
from ops.twilio_sim.world import World
from shared.db import calls, jobs, recordings
from shared.db.calls import Seen
from shared.domain.recording_key import object_key
from shared.domain.sound import Digest, Sound
from tests.integration.workers.conftest import ACCOUNT, BUSINESS, CUSTOMER, TENANT

CALL = "CA" + "1" * 32
SOUND = bytes(range(256)) * 64


@contextmanager
def simulated() -> Iterator[tuple[World, str]]:
    """A Twilio of the test's own, and its URL."""
    world = World(ACCOUNT, speed=100, seed=1)
    server = server_for(create_app(world), "127.0.0.1", 0)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield world, f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        world.close()


def sid_of(number: int) -> str:
    return f"RE{number:032x}"


def sound() -> Sound:
    digest = Digest()
    digest.update(SOUND)
    return digest.sound("audio/x-wav")


def a_call(conn, now, call_sid=CALL, tenant_id=TENANT, parent=None):
    calls.merge(
        conn,
        Seen(
            call_sid=call_sid, account_sid=ACCOUNT.sid, status="completed", at=now, from_number=CUSTOMER,
            to_number=BUSINESS, tenant_id=tenant_id, parent_call_sid=parent,
        ),
    )  # fmt: skip


def stored(conn, store, number=1, *, call_sid=CALL, days=0, source="DialVerb", twilio=None):
    """A recording that was stored so many days ago; its SID."""
    sid = sid_of(number)
    said = recordings.announce(
        conn,
        recording_sid=sid,
        call_sid=call_sid,
        account_sid=ACCOUNT.sid,
        state="available",
        duration_s=1,
        source=source,
    )
    key = object_key(TENANT, said.announced_at, sid, copy=1, suffix="wav")
    receipt = store.put(key, BytesIO(SOUND), sound())
    recordings.plan(conn, sid, object_key=key, copy=1)
    recordings.mark_stored(conn, sid, object_key=key, sound=sound(), copy=1, receipt=receipt)
    conn.execute(
        """
        update recordings set announced_at = now() - make_interval(days => %(days)s),
               stored_at = now() - make_interval(days => %(days)s) where recording_sid = %(sid)s
        """,
        {"days": days, "sid": sid},
    )
    conn.execute("insert into recording_waveforms values (%s, 1, '\\x01') on conflict do nothing", (sid,))
    if twilio is not None:
        at_twilio(twilio, sid, call_sid=call_sid, source=source)
    return sid


def at_twilio(twilio, sid, *, call_sid=CALL, source="DialVerb"):
    """Twilio has it, a second of sound."""
    twilio.recordings.add(
        Recording(sid, ACCOUNT.sid, call_sid, source, status="completed", duration_s=1, ready_world_s=0.0)
    )


def to_fetch(conn, number=1, *, twilio):
    """A recording that Twilio has and we have not, and the promise to fetch it; its SID."""
    sid = sid_of(number)
    at_twilio(twilio, sid)
    recordings.announce(
        conn, recording_sid=sid, call_sid=CALL, account_sid=ACCOUNT.sid, state="available", duration_s=1
    )
    jobs.promise(conn, "recording.fetch", sid, order_key=recordings.order_key(sid))
    return sid


class Between:
    """A store with something that happens right before it is written to: a worker that stood still for so long."""

    def __init__(self, store, happens):
        self._store, self._happens = store, happens

    def put(self, *what):
        self._happens()
        return self._store.put(*what)

    def __getattr__(self, name):
        return getattr(self._store, name)
