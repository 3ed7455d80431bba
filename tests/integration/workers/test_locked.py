"""A deletion that the store's object lock stands against: nobody is served, and it is tried again when the lock ends."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.runtime import Runtime
from tests.integration.ingress.api.conftest import Api, application, new_key
from tests.integration.workers.keeping import simulated
from tests.integration.workers.shelf import Shelf


@pytest.fixture
def shelf(world):
    """In a bucket that locks what it is given for thirty days."""
    bucket = f"{world.rt.settings.s3_bucket}-locked"
    with simulated() as (twilio, url):
        made = Shelf(world, twilio, url, s3_bucket=bucket, s3_lock="governance")
        made.rt.store.client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        yield made


def test_a_locked_recording_is_served_to_nobody_and_goes_when_its_lock_ends(shelf):
    sid = shelf.has()
    rt = shelf.rt
    api = Api(application(Runtime(rt.settings, rt.db, rt.redis)).test_client(), new_key(rt).text)
    assert api.get(f"/api/recordings/{sid}?media=1").status_code == 200
    shelf.ask(sid)
    assert shelf.world.work("recording.delete") == ["deferred"]
    # Twilio's copy, the picture and the words are gone; ours stays as long as it must.
    assert (shelf.state(sid), shelf.at_twilio(sid), len(shelf.here(sid))) == ("stored", False, 1)
    assert [receipt.place for receipt in shelf.receipts(sid)] == ["twilio"]
    assert shelf.world.one("select count(*) from recording_waveforms") == 0
    for rest in ("?media=1", "?download=1", "?media=1&delivery=link", "/waveform"):
        assert api.get(f"/api/recordings/{sid}{rest}").status_code == 410
    assert api.get(f"/api/recordings/{sid}/deletion").get_json()["done_at"] is None
    # It is tried again at the end of the lock, as often as that takes, and no sweep hurries or forgets it.
    until, attempts = next_try(shelf)
    assert timedelta(days=29) < until - datetime.now(UTC) <= timedelta(days=30)
    assert (attempts, shelf.sweep()) == (0, [])
    ends_in_the_past(shelf, sid)
    shelf.world.time_passes()
    assert shelf.world.work("recording.delete") == ["done"]
    assert (shelf.state(sid), shelf.here(sid)) == ("deleted", [])
    assert [receipt.place for receipt in shelf.receipts(sid)] == ["twilio", "store"]
    proof = api.get(f"/api/recordings/{sid}/deletion").get_json()
    assert proof["done_at"] is not None
    assert proof["receipts"][1]["detail"]["versions"]
    assert shelf.world.one("select count(*) from notifications where type = 'recording.deleted'") == 1


def test_the_longest_lock_of_several_versions_counts(shelf):
    sid = shelf.has()
    (key,) = shelf.here(sid)
    longer = datetime.now(UTC) + timedelta(days=50)
    shelf.rt.store.client.put_object(
        Bucket=shelf.rt.settings.s3_bucket, Key=key, Body=b"another", ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=longer,
    )  # fmt: skip
    shelf.ask(sid)
    assert shelf.world.work("recording.delete") == ["deferred"]
    assert abs(next_try(shelf)[0] - longer) < timedelta(minutes=5)


def next_try(shelf):
    ((at, attempts),) = shelf.world.rows("select next_at, attempts from jobs where kind = 'recording.delete'")
    return at, attempts


def ends_in_the_past(shelf, sid):
    """What thirty days would do."""
    (key,) = shelf.here(sid)
    shelf.rt.store.client.put_object_retention(
        Bucket=shelf.rt.settings.s3_bucket, Key=key, BypassGovernanceRetention=True,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) - timedelta(seconds=1)},
    )  # fmt: skip
