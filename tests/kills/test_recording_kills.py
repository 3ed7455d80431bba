"""A real worker that is killed between every two states of a recording: it is stored once, whole, whatever was done before."""

import hashlib
import signal

import pytest

from shared import tasks
from shared.db import jobs, recordings
from shared.settings import load
from shared.store.s3 import S3Store
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.conftest import ACCOUNT
from tests.integration.workers.media_host import MediaHost, wav
from tests.kills.test_kills import House

SID, CALL = "RE" + "5" * 32, "CA" + "5" * 32
SOUND = wav(3, channels=2).getvalue()


class KeepingHouse(House):
    """Workers that fetch recordings from a host of media into a bucket."""

    def __init__(self, folder, redis_url, database_url, s3, media):
        super().__init__(folder, redis_url, database_url)
        self.env = {
            "TS_TWILIO_API_URL": media.url, "TWILIO_ACCOUNT_SID": ACCOUNT.sid, "TWILIO_AUTH_TOKEN": ACCOUNT.token,
            "TS_S3_ENDPOINT_URL": s3.endpoint_url, "TS_S3_BUCKET": s3.name, "TS_S3_ACCESS_KEY_ID": s3.access_key_id,
            "TS_S3_SECRET_ACCESS_KEY": s3.secret_access_key,
        }  # fmt: skip
        self.bucket = S3Store(load({
            "TS_PUBLIC_URL": "https://x", "TS_REDIS_URL": redis_url, "TS_DATABASE_URL": database_url, **self.env,
            "INTERNAL_SERVICE_KEY": "platform-key",
        }))  # fmt: skip

    def start(self, **asked):
        return super().start(queues=["recordings"], env=self.env, **asked)

    def is_told(self):
        with self.db.transaction():
            recordings.announce(
                self.db, recording_sid=SID, call_sid=CALL, account_sid=ACCOUNT.sid, state="available", duration_s=3,
                channels=2,
            )  # fmt: skip
            job_id = jobs.promise(self.db, "recording.fetch", SID, order_key=recordings.order_key(SID), hint_in_s=5.0)
        self.hint(job_id)

    def hint(self, job_id):
        tasks.hint_many(self.redis, [("recording.fetch", job_id)])

    def goes_on(self):
        """The lease of the dead one ends, and another takes over."""
        job_id = self.one(
            "update jobs set lease_until = null, next_at = now(), hint_at = now() where kind = 'recording.fetch' returning id"
        )
        self.start(name="two").ready()
        self.hint(job_id)
        due = "select count(*) from jobs where kind = 'recording.fetch' and state = 'due'"
        wait_for(lambda: self.one(due) == 0, "it is fetched")

    def state(self):
        return self.one("select state from recordings")

    def objects(self):
        """Key and digest of everything in the bucket that is this recording's."""
        listed = self.bucket.client.list_objects_v2(Bucket=self.bucket.settings.s3_bucket).get("Contents", [])
        return [
            (key, hashlib.sha256(self.bucket.client.get_object(
                Bucket=self.bucket.settings.s3_bucket, Key=key)["Body"].read()).digest())
            for key in (each.get("Key", "") for each in listed) if SID in key
        ]  # fmt: skip


@pytest.fixture
def media():
    host = MediaHost()
    host.answers(SOUND)
    yield host
    host.close()


@pytest.fixture
def house(tmp_path, redis_url, database_url, s3, media):
    made = KeepingHouse(tmp_path, redis_url, database_url, s3, media)
    for key, _ in made.objects():
        made.bucket.client.delete_object(Bucket=s3.name, Key=key)
    yield made
    made.close()


def is_stored_once(house):
    key, sha256, damage = house.db.execute("select object_key, sha256, damage from recordings").fetchone()
    whole = hashlib.sha256(SOUND).digest()
    assert (house.state(), sha256, damage) == ("stored", whole, None)
    assert house.objects() == [(key, whole)]
    assert house.one("select count(*) from notifications where type = 'recording.available'") == 1
    assert house.one("select count(*) from recording_waveforms") == 1


@pytest.mark.parametrize(
    ("step", "state", "is_planned", "objects"),
    [
        ("leased", "available", False, 0),
        ("streamed", "available", False, 0),
        ("fetched", "fetched", False, 0),
        ("checked", "fetched", False, 0),
        ("verified", "verified", False, 0),
        ("planned", "verified", True, 0),
        ("put", "verified", True, 1),
        ("marking", "verified", True, 1),
        ("marked", "stored", True, 1),
    ],
)
def test_a_worker_killed_at_any_step_leaves_a_recording_to_be_stored_once(house, step, state, is_planned, objects):
    house.is_told()
    hand = house.start(keeping=step)
    wait_for(hand.child.has_ended, "it kills itself")
    assert house.state() == state
    assert (house.one("select object_key from recordings") is not None) is is_planned
    assert len(house.objects()) == objects
    house.goes_on()
    is_stored_once(house)


def test_a_worker_killed_while_the_sound_comes_leaves_it_to_be_fetched(house, media):
    media.answers(SOUND, hang_after=20_000)
    house.is_told()
    hand = house.start().ready()
    wait_for(lambda: media.asked, "it is fetching")
    hand.kill()
    assert house.state() == "available"
    media.answers(SOUND)
    house.goes_on()
    is_stored_once(house)


@pytest.mark.parametrize(("step", "objects"), [("put", 2), ("marking", 2), ("planned", 1)])
def test_a_worker_killed_while_it_mends_a_damaged_one_leaves_one_good_copy(house, step, objects):
    house.is_told()
    house.goes_on()
    # Whoever is killed with another job of this recording in hand keeps the next one waiting for as long as the lease.
    wait_for(lambda: house.one("select count(*) from jobs where state = 'due'") == 0, "what follows is done too")
    house.db.execute("update recordings set damage = 'changed', damaged_at = now()")
    house.hands[-1].kill()
    with house.db.transaction():
        job_id = jobs.renew(house.db, "recording.fetch", SID, order_key=recordings.order_key(SID), hint_in_s=5.0)
    house.hint(job_id)
    hand = house.start(name="three", keeping=step)
    wait_for(hand.child.has_ended, "it kills itself")
    assert len(house.objects()) == objects
    assert house.one("select (copy, damage)::text from recordings") == "(1,changed)"
    house.goes_on()
    assert house.one("select (copy, damage is null)::text from recordings") == "(2,t)"
    assert len(house.objects()) == 2


def test_a_worker_that_stood_still_with_the_sound_changes_nothing_when_it_wakes(house):
    house.is_told()
    still = house.start(keeping="verified", stops=True)
    wait_for(lambda: house.state() == "verified", "it is stopped")
    house.goes_on()
    is_stored_once(house)
    still.child.send(signal.SIGCONT)
    wait_for(lambda: '"job_attempted"' in still.said(), "it has woken")
    is_stored_once(house)
