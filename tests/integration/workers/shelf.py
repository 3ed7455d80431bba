"""The recordings of one test, here and at a simulated Twilio, and whoever keeps, holds and deletes them."""

from dataclasses import replace
from datetime import UTC, datetime

from shared.db import recording_deletions, recording_holds, recording_receipts, retention
from shared.domain.retention import Policy
from shared.store import open_store
from shared.twilio.client import TwilioClient
from tests.integration.workers.conftest import TENANT
from tests.integration.workers.keeping import a_call, stored
from workers import retention as sweeps


class Shelf:
    """The recordings of one test, here and at Twilio."""

    def __init__(self, world, twilio, url, **chosen):
        self.world, self.twilio = world, twilio
        settings = replace(world.rt.settings, twilio_api_url=url, **chosen)
        self.rt = world.rt = replace(
            world.rt, settings=settings, twilio=TwilioClient(settings), store=open_store(settings)
        )
        with self.conn() as conn:
            a_call(conn, datetime.now(UTC))

    def conn(self):
        return self.rt.db.connection()

    def has(self, number=1, **more):
        with self.conn() as conn:
            return stored(conn, self.rt.store, number, twilio=self.twilio, **more)

    def says(self, class_, keep_days, twilio_days, tenant=TENANT):
        with self.conn() as conn:
            retention.put(conn, tenant, class_, Policy(keep_days, twilio_days), changed_by="test")

    def holds(self, subject, value):
        with self.conn() as conn:
            return recording_holds.place(conn, subject, value, reason="a case", placed_by="test")

    def lifts(self, hold):
        with self.conn() as conn:
            recording_holds.lift(conn, str(hold.id), lifted_by="test")

    def ask(self, sid, reason="request"):
        with self.conn() as conn:
            return recording_deletions.ask(conn, sid, reason=reason, asked_by="test")

    def sweep(self):
        sweeps.sweep(self.rt)
        return self.world.work("recording.delete", "recording.release")

    def state(self, sid):
        return self.world.one("select state from recordings where recording_sid = %s", sid)

    def at_twilio(self, sid):
        return not self.twilio.recordings.get(sid).deleted

    def here(self, sid):
        return [found.key for found in self.rt.store.listed("recordings/") if sid in found.key]

    def receipts(self, sid):
        with self.conn() as conn:
            return recording_receipts.of(conn, sid)
