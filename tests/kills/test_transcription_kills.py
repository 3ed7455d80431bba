"""Real workers whose engine hangs, or that are killed while they ask it: the recording is safe, its words are there once."""

import pytest

from shared import tasks
from shared.db import recordings
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.conftest import ACCOUNT
from tests.integration.workers.media_host import MediaHost, wav
from tests.kills.test_kills import House
from tests.unit.standins.conftest import StandIns, standins  # noqa: F401 - a fixture

CALL, SOUND = "CA" + "6" * 32, wav(3).getvalue()


class ListeningHouse(House):
    """Workers that fetch recordings from a host of media, and have them written down."""

    def __init__(self, folder, redis_url, database_url, s3, media, engine):
        super().__init__(folder, redis_url, database_url)
        self.engine = engine
        self.env = {
            "TS_TWILIO_API_URL": media.url, "TWILIO_ACCOUNT_SID": ACCOUNT.sid, "TWILIO_AUTH_TOKEN": ACCOUNT.token,
            "TS_S3_ENDPOINT_URL": s3.endpoint_url, "TS_S3_BUCKET": s3.name, "TS_S3_ACCESS_KEY_ID": s3.access_key_id,
            "TS_S3_SECRET_ACCESS_KEY": s3.secret_access_key, "TS_TRANSCRIPTION": "http",
            "TS_TRANSCRIPTION_URL": f"{engine.url}/engine",
        }  # fmt: skip

    def start(self, queue, **asked):
        return super().start(queues=[queue], env=self.env, **asked)

    def is_told(self, number=1):
        """Its sound is at Twilio; the dispatcher rings for the job."""
        sid = f"RE{number:032x}"
        with self.db.transaction():
            recordings.announce(
                self.db, recording_sid=sid, call_sid=CALL, account_sid=ACCOUNT.sid, state="available", duration_s=3,
                channels=1,
            )  # fmt: skip
            self.db.execute(
                "insert into jobs (kind, ref, order_key) values ('recording.fetch', %s, %s)",
                (sid, recordings.order_key(sid)),
            )

    def goes_on(self):
        """The lease of the dead one ends, and another takes over."""
        job_id = self.one(
            "update jobs set lease_until = null, next_at = now(), hint_at = now() "
            "where kind = 'transcription.request' returning id"
        )
        self.start("transcripts", name="next").ready()
        tasks.hint_many(self.redis, [("transcription.request", job_id)])
        due = "select count(*) from jobs where kind = 'transcription.request' and state = 'due'"
        wait_for(lambda: self.one(due) == 0, "it is written down")

    def asked(self):
        return len(self.engine.ask("GET", "/standin/engine").json()["heard"])


@pytest.fixture
def media():
    host = MediaHost()
    host.answers(SOUND)
    yield host
    host.close()


@pytest.fixture
def house(tmp_path, redis_url, database_url, s3, media, standins: StandIns):  # noqa: F811
    made = ListeningHouse(tmp_path, redis_url, database_url, s3, media, standins)
    yield made
    made.close()


def test_recordings_flow_while_the_engine_hangs(house):
    house.engine.ask("PUT", "/standin/faults", {"engine": {"status": 0, "delay_s": 60, "times": None}})
    house.start("transcripts", name="words", threads=2).ready()
    house.start("recordings", name="sound").ready()
    for number in range(1, 9):
        house.is_told(number)
    wait_for(lambda: house.one("select count(*) from recordings where state = 'stored'") == 8, "all are stored")
    in_hand = "select count(*) from jobs where kind = 'transcription.request' and lease_until > now()"
    wait_for(lambda: house.one(in_hand) == 2, "the engine has as many as there are threads")
    assert house.one("select count(*) from jobs where kind = 'transcription.request' and state = 'due'") == 8


@pytest.mark.parametrize(
    ("step", "asked_before"), [("leased", 0), ("read", 0), ("answered", 1), ("recording", 1), ("recorded", 1)]
)
def test_a_worker_killed_at_any_step_leaves_words_that_are_there_once(house, step, asked_before):
    house.start("recordings", name="sound").ready()
    house.is_told()
    wait_for(lambda: house.one("select state from recordings") == "stored", "it is stored")
    hand = house.start("transcripts", name="dying", transcribing=step)
    wait_for(hand.child.has_ended, "it kills itself")
    assert house.asked() == asked_before
    is_recorded = step == "recorded"
    assert house.one("select count(*) from transcriptions") == int(is_recorded)
    if not is_recorded:
        house.goes_on()
    assert house.asked() == (asked_before if is_recorded else asked_before + 1)
    assert house.one("select count(*) from transcriptions where status = 'completed' and text <> ''") == 1
    assert house.one("select count(*) from notifications where type = 'transcription.completed'") == 1
    assert house.one("select state from recordings") == "stored"
