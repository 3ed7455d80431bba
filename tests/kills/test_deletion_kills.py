"""Real workers that are killed between every two steps of a deletion: the next one goes on, and each place has its receipt."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared import tasks
from shared.db import recording_deletions, recording_receipts
from shared.twilio.client import TwilioClient
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.conftest import ACCOUNT
from tests.integration.workers.keeping import a_call, simulated, stored
from tests.kills.test_kills import House


@pytest.fixture
def house(tmp_path, redis_url, database_url):
    made = House(tmp_path, redis_url, database_url)
    yield made
    made.close()


@pytest.mark.parametrize("step", [
    "_begun behind", "delete_at_twilio before", "_receipt before", "delete_at_twilio behind", "erase_shown behind",
    "delete_object before", "delete_object behind", "finish before", "finish behind",
])  # fmt: skip
def test_a_worker_killed_between_two_steps_leaves_the_rest_to_the_next(house, rt, step):
    with simulated() as (twilio, url), rt.db.connection() as conn:
        rt = replace(rt, twilio=TwilioClient(replace(rt.settings, twilio_api_url=url)))
        a_call(conn, datetime.now(UTC))
        sid = stored(conn, rt.store, twilio=twilio)
        recording_deletions.ask(conn, sid, reason="request", asked_by="test")
        conn.commit()
        env = {
            "TS_TWILIO_API_URL": url, "TWILIO_ACCOUNT_SID": ACCOUNT.sid, "TWILIO_AUTH_TOKEN": ACCOUNT.token,
            "TS_S3_ENDPOINT_URL": rt.settings.s3_endpoint_url, "TS_S3_BUCKET": rt.settings.s3_bucket,
            "TS_S3_ACCESS_KEY_ID": rt.settings.s3_access_key_id,
            "TS_S3_SECRET_ACCESS_KEY": rt.settings.s3_secret_access_key,
        }  # fmt: skip
        tasks.hint(house.redis, "recording.delete", house.one("select id from jobs where kind = 'recording.delete'"))
        hand = house.start(queues=["recordings"], env=env, deleting=step)
        wait_for(hand.child.has_ended, "it kills itself")
        house.db.execute("update jobs set lease_until = null, hint_at = now() where state = 'due'")
        house.start(queues=["recordings"], env=env, name="two").ready()
        wait_for(
            lambda: house.one("select count(*) from jobs where kind = 'recording.delete' and state = 'due'") == 0,
            "done",
        )
        assert house.one("select state from recordings") == "deleted"
        assert twilio.recordings.get(sid).deleted
        assert list(rt.store.listed("recordings/")) == []
        assert [receipt.place for receipt in recording_receipts.of(conn, sid)] == ["twilio", "store"]
        assert house.one("select count(*) from notifications where type = 'recording.deleted'") == 1
        assert house.one("select count(*) from audit where action = 'recording.deleted'") == 1
        assert house.one("select done_at is not null from recording_deletions")
        assert house.one("select count(*) from recording_waveforms") == 0
