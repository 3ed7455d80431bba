"""Keeping and deleting recordings, on the real stores and a simulated Twilio."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from threading import Thread

import psycopg
import pytest
import requests

from shared.db import recording_deletions, recording_holds, recordings, retention
from shared.domain import retention as rule
from shared.domain.retention import Policy
from shared.errors import OnHold, Transient
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.conftest import TENANT
from tests.integration.workers.keeping import CALL, Between, a_call, simulated, sound, to_fetch
from tests.integration.workers.shelf import Shelf
from workers import recording_audit
from workers import retention as sweeps

KEEP = Policy(None, None)


@pytest.fixture
def shelf(world):
    with simulated() as (twilio, url):
        yield Shelf(world, twilio, url)


def test_a_deletion_leaves_nothing_here_or_at_twilio_but_its_receipts(shelf):
    sid = shelf.has()
    (key,) = shelf.here(sid)
    shelf.world.rows(
        "insert into transcriptions (transcription_sid, recording_sid, account_sid, status, text, started_at) "
        "values ('TR1', %s, 'AC1', 'completed', 'hello', now()) returning 1", sid,
    )  # fmt: skip
    assert shelf.ask(sid)
    assert not shelf.ask(sid)
    assert shelf.world.work("recording.delete") == ["done"]
    assert (shelf.state(sid), shelf.at_twilio(sid), shelf.here(sid)) == ("deleted", False, [])
    twilio, store = shelf.receipts(sid)
    assert (twilio.place, twilio.detail["answered"], store.place, store.object_key) == (
        "twilio",
        "deleted",
        "store",
        key,
    )
    assert twilio.detail["request_id"].startswith("RQ")
    assert store.detail["versions"]
    for receipt in (twilio, store):
        assert (receipt.detail["sha256"], receipt.detail["size_bytes"]) == (sound().sha256.hex(), sound().size_bytes)
    assert shelf.world.one("select text from transcriptions") == ""
    assert shelf.world.one("select count(*) from recording_waveforms") == 0
    assert shelf.world.one("select data ->> 'reason' from notifications where type = 'recording.deleted'") == "request"
    assert shelf.world.rows("select action, tenant_id from audit where subject = %s order by id", sid) == [
        ("recording.delete_asked", TENANT), ("recording.deleted", TENANT),
    ]  # fmt: skip


def test_every_version_and_every_copy_goes(shelf):
    client, bucket = shelf.rt.store.client, shelf.rt.settings.s3_bucket
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    sid = shelf.has()
    (key,) = shelf.here(sid)
    for other in (key, key, key.replace(".wav", ".2.mp3")):  # a copy whose worker was killed over its upload
        client.put_object(Bucket=bucket, Key=other, Body=b"another")
    shelf.ask(sid)
    shelf.world.work("recording.delete")
    left = client.list_object_versions(Bucket=bucket)
    assert (left.get("Versions", []), left.get("DeleteMarkers", [])) == ([], [])
    assert len([receipt for receipt in shelf.receipts(sid) if receipt.place == "store"]) == 2


def test_what_twilio_has_no_more_is_gone(shelf):
    sid = shelf.has()
    shelf.twilio.recordings.get(sid).deleted = True
    shelf.ask(sid)
    assert shelf.world.work("recording.delete") == ["done"]
    assert [receipt.detail.get("answered") for receipt in shelf.receipts(sid)] == ["gone", None]


def test_a_recording_that_never_was_stored_is_deleted_at_twilio(shelf):
    sid = shelf.has()
    shelf.world.rows("delete from recording_waveforms returning 1")
    with shelf.conn() as conn:
        recordings.announce(conn, recording_sid="RE" + "f" * 32, call_sid=CALL,
                            account_sid=shelf.rt.settings.twilio_account_sid,
                            state="failed")  # fmt: skip
        recording_deletions.ask(conn, "RE" + "f" * 32, reason="request", asked_by="test")
    assert shelf.world.work("recording.delete") == ["done"]
    assert (shelf.state("RE" + "f" * 32), shelf.state(sid)) == ("deleted", "stored")


def test_by_default_nothing_goes_by_itself(shelf):
    sid = shelf.has(days=9_999)
    assert shelf.sweep() == []
    assert (shelf.state(sid), shelf.at_twilio(sid)) == ("stored", True)


def test_the_sweep_deletes_what_is_over_its_age_and_a_change_counts_for_what_is_stored(shelf):
    old, young = shelf.has(1, days=8), shelf.has(2, days=6)
    voicemail = shelf.has(3, days=99, source="RecordVerb")
    shelf.says("call", 30, None)
    assert shelf.sweep() == []
    shelf.says("call", 7, None)
    assert shelf.sweep() == ["done"]
    assert [shelf.state(sid) for sid in (old, young, voicemail)] == ["deleted", "stored", "stored"]
    assert shelf.world.one("select reason from recording_deletions") == "retention"


def test_twilios_copy_goes_once_it_is_due_and_ours_is_proven(shelf):
    old, young = shelf.has(1, days=3), shelf.has(2, days=1)
    shelf.says("call", None, 2)
    assert shelf.sweep() == ["done"]
    assert [shelf.state(sid) for sid in (old, young)] == ["provider-deleted", "stored"]
    assert (shelf.at_twilio(old), shelf.at_twilio(young), len(shelf.here(old))) == (False, True, 1)
    (receipt,) = shelf.receipts(old)
    assert (receipt.place, receipt.detail["sha256"]) == ("twilio", sound().sha256.hex())
    assert shelf.world.one("select count(*) from audit where action = 'recording.released' and subject = %s", old) == 1
    shelf.ask(old)
    assert shelf.world.work("recording.delete") == ["done"]
    assert [receipt.place for receipt in shelf.receipts(old)] == ["twilio", "store"]


@pytest.mark.parametrize("harm", ["missing", "changed", "truncated"])
def test_twilios_copy_stays_while_ours_is_not_what_was_stored(shelf, harm):
    sid = shelf.has(days=3)
    (key,) = shelf.here(sid)
    client, bucket = shelf.rt.store.client, shelf.rt.settings.s3_bucket
    client.delete_object(Bucket=bucket, Key=key)
    whole = sound().size_bytes
    if harm != "missing":
        client.put_object(Bucket=bucket, Key=key, Body=b"\0" * (whole if harm == "changed" else 9))
    shelf.says("call", None, 0)
    assert shelf.sweep() == ["done"]
    assert (shelf.state(sid), shelf.at_twilio(sid)) == ("stored", True)
    assert shelf.world.one("select damage from recordings") == harm
    assert shelf.world.one("select count(*) from alerts where source = 'recording-damaged'") == 1
    assert shelf.sweep() == []


def test_a_store_that_is_away_keeps_twilios_copy(shelf):
    sid = shelf.has(days=3)
    shelf.says("call", None, 0)
    away = replace(shelf.rt.settings, s3_endpoint_url="http://127.0.0.1:1")
    shelf.world.rt = replace(shelf.rt, settings=away, store=type(shelf.rt.store)(away))
    sweeps.sweep(shelf.world.rt)
    assert shelf.world.work("recording.release") == ["transient"]
    assert shelf.at_twilio(sid)


def test_a_deletion_that_was_given_up_is_tried_again_by_the_sweep(shelf):
    sid = shelf.has()
    shelf.world.rows("update recordings set account_sid = %s returning 1", "AC" + "9" * 32)
    shelf.ask(sid)
    assert shelf.world.work("recording.delete") == ["failed"]
    assert len(shelf.here(sid)) == 1
    shelf.world.rows("update recordings set account_sid = %s returning 1", shelf.rt.settings.twilio_account_sid)
    assert shelf.sweep() == ["done"]
    assert shelf.state(sid) == "deleted"


LEG = "CA" + "2" * 32


@pytest.mark.parametrize(("subject", "value"), [
    ("recording_sid", None), ("call_sid", CALL), ("call_sid", LEG), ("tenant_id", TENANT),
])  # fmt: skip
def test_what_is_held_is_deleted_by_nobody_and_nowhere(shelf, subject, value):
    with shelf.conn() as conn:
        a_call(conn, datetime.now(UTC), LEG, tenant_id=None, parent=CALL)
    sid = shelf.has(days=99, call_sid=LEG)
    hold = shelf.holds(subject, value or sid)
    shelf.says("call", 1, 0)
    with pytest.raises(OnHold):
        shelf.ask(sid)
    assert shelf.sweep() == []
    assert (shelf.state(sid), shelf.at_twilio(sid)) == ("stored", True)
    shelf.lifts(hold)
    shelf.sweep()
    assert (shelf.state(sid), shelf.at_twilio(sid)) == ("deleted", False)


def test_a_hold_on_another_call_or_tenant_holds_nothing_of_this_one(shelf):
    sid = shelf.has()
    for subject, value in (("recording_sid", "RE" + "e" * 32), ("call_sid", "CA" + "e" * 32), ("tenant_id", "another")):
        shelf.holds(subject, value)
    shelf.ask(sid)
    assert shelf.world.work("recording.delete") == ["done"]


def test_a_hold_stops_a_deletion_that_has_not_begun(shelf):
    wished, old = shelf.has(1), shelf.has(2)
    shelf.ask(wished)
    shelf.ask(old, "retention")
    hold = shelf.holds("tenant_id", TENANT)
    assert sorted(shelf.world.work("recording.delete")) == ["deferred", "done"]
    assert [shelf.at_twilio(sid) for sid in (wished, old)] == [True, True]
    # What only the policy had asked for is heard again; somebody's own wish waits.
    assert shelf.world.one("select recording_sid from recording_deletions") == wished
    shelf.lifts(hold)
    shelf.world.time_passes()
    assert shelf.world.work("recording.delete") == ["done"]
    assert (shelf.state(wished), shelf.state(old)) == ("deleted", "stored")


def test_of_a_hold_and_a_deletion_at_once_the_second_sees_the_first(shelf, database_url):
    """Two connections: each stands in the middle of its transaction while the other one begins."""
    sid = shelf.has()
    with psycopg.connect(database_url) as deleting, psycopg.connect(database_url) as holding:
        recording_deletions.ask(deleting, sid, reason="request", asked_by="test")
        came = _in_thread(lambda: recording_holds.place(holding, "recording_sid", sid, reason="r", placed_by="t"))
        wait_for(lambda: _is_waiting(shelf), "the hold waits for the deletion")
        deleting.commit()
        came()
        assert recording_deletions.find(holding, sid) is not None
        holding.commit()
    with shelf.conn() as conn, pytest.raises(OnHold):
        recording_deletions.begin(conn, sid)


def test_a_deletion_that_begins_while_a_hold_is_placed_waits_for_it_and_gives_way(shelf, database_url):
    sid = shelf.has()
    shelf.ask(sid)
    with psycopg.connect(database_url) as deleting, psycopg.connect(database_url) as holding:
        recording_holds.place(holding, "tenant_id", TENANT, reason="r", placed_by="t")
        came = _in_thread(lambda: recording_deletions.begin(deleting, sid))
        wait_for(lambda: _is_waiting(shelf), "the deletion waits for the hold")
        holding.commit()
        with pytest.raises(OnHold):
            came()
        deleting.rollback()


def _is_waiting(shelf):
    """In this test's database: others of the run wait in theirs."""
    return (
        shelf.world.one(
            """
        select count(*) from pg_locks join pg_database d on d.oid = database
         where locktype = 'advisory' and not granted and d.datname = current_database()
        """
        )
        == 1
    )


def _in_thread(act):
    """Begun beside us; called, it gives what came of it."""
    came = []

    def caught():
        try:
            came.append((act(), None))
        except Exception as fault:  # noqa: BLE001 - raised again where it is asked for
            came.append((None, fault))

    thread = Thread(target=caught, daemon=True)
    thread.start()

    def joined():
        thread.join(30)
        ((value, fault),) = came
        if fault:
            raise fault
        return value

    return joined


def test_the_rows_are_asked_by_the_rule_of_the_domain(shelf):
    """What the sweep's SQL finds is what the pure rule says, for every mixture of rows and settings."""
    sids = [
        shelf.has(n, days=n, source=source) for n, source in ((1, "RecordVerb"), (5, "DialVerb"), (20, "RecordVerb"))
    ]
    rows = (None, Policy(None, 2), Policy(4, None), Policy(10, 0))
    for own, everybodys, by_settings in product(rows, rows, rows[1:]):
        with shelf.conn() as conn:
            conn.execute("delete from retention_classes")
            for tenant, row in ((TENANT, own), ("", everybodys)):
                for class_ in ("call", "voicemail"):
                    if row:
                        retention.put(conn, tenant, class_, row, changed_by="test")
            now = datetime.now(UTC)
            kept = [retention.of_recording(conn, sid, by_settings) for sid in sids]
            old = {one.recording_sid for one in retention.over_age(conn, by_settings, limit=9)}
            due = {one.recording_sid for one in retention.to_release(conn, by_settings, limit=9)}
        assert old == {one.recording_sid for one in kept if rule.is_over_age(one.policy, one.began_at, now)}
        assert due == {one.recording_sid for one in kept if rule.is_released(one.policy, one.stored_at, now)}


def overtaken(shelf, *, strays):
    """A fetch stood still over its upload; another worker came to its job, and the recording was asked for and deleted.

    `strays`: its own taking back fails, as with a store that is away.
    """
    with shelf.conn() as conn:
        sid = to_fetch(conn, twilio=shelf.twilio)
    deleted = []

    def deletion():
        shelf.ask(sid)
        shelf.world.rows(
            "update jobs set lease_until = now() - interval '1 s' where kind = 'recording.fetch' returning 1"
        )
        shelf.world.rt = shelf.rt
        deleted.extend(shelf.world.work("recording.fetch", "recording.delete"))

    slow = Between(shelf.rt.store, deletion)
    if strays:
        slow.delete = lambda _key: (_ for _ in ()).throw(Transient("store: away"))
    shelf.world.rt = replace(shelf.rt, store=slow)
    shelf.world.work("recording.fetch")
    assert (deleted, shelf.state(sid)) == (["done", "done"], "deleted")
    return sid


def test_sound_that_is_put_after_its_deletion_is_taken_back_with_a_receipt(shelf):
    sid = overtaken(shelf, strays=False)
    assert shelf.here(sid) == []
    assert [receipt.place for receipt in shelf.receipts(sid)] == ["twilio", "store"]
    assert shelf.world.one("select count(*) from notifications where type = 'recording.available'") == 0


def test_what_could_not_be_taken_back_is_a_stray(shelf, monkeypatch):
    """The object is young; the time for which young ones are left alone is taken away."""
    sid = overtaken(shelf, strays=True)
    monkeypatch.setattr(recording_audit, "_STRAY_AFTER", timedelta(minutes=-1))
    assert recording_audit.strays(shelf.conn, shelf.rt.store) == (shelf.here(sid), [])
    assert len(shelf.here(sid)) == 1


def test_what_a_hold_has_saved_from_the_policy_is_fetched_though_it_was_to_go(shelf):
    with shelf.conn() as conn:
        sid = to_fetch(conn, twilio=shelf.twilio)
    shelf.ask(sid, "retention")
    assert shelf.world.work("recording.fetch") == ["done"]
    assert shelf.state(sid) == "available"
    shelf.holds("recording_sid", sid)
    assert shelf.world.work("recording.delete") == ["done"]
    assert shelf.world.work("recording.fetch") == ["done"]
    assert (shelf.state(sid), len(shelf.here(sid))) == ("stored", 1)


def test_a_damaged_copy_that_the_release_finds_is_fetched_again_and_then_released_without_waiting(shelf):
    """Neither waits for the lease of the other, which has ended."""
    sid = shelf.has(days=3)
    (key,) = shelf.here(sid)
    shelf.rt.store.client.delete_object(Bucket=shelf.rt.settings.s3_bucket, Key=key)
    shelf.says("call", None, 0)
    assert shelf.sweep() == ["done"]
    assert (shelf.state(sid), shelf.at_twilio(sid)) == ("stored", True)
    assert shelf.world.work("recording.fetch") == ["done"]
    assert shelf.world.work("recording.release") == ["done"]
    assert (shelf.state(sid), shelf.at_twilio(sid)) == ("provider-deleted", False)
    assert shelf.world.one("select count(*) from alerts where resolved_at is null") == 0


def test_what_is_to_go_is_not_read_back_and_no_damage(shelf):
    sid = shelf.has()
    shelf.ask(sid)
    (key,) = shelf.here(sid)
    shelf.rt.store.client.delete_object(Bucket=shelf.rt.settings.s3_bucket, Key=key)
    checked = recording_audit.verify(shelf.conn, shelf.rt.store, actor="test", before=datetime.now(UTC), sids=[sid])
    assert list(checked) == []
    assert shelf.world.one("select count(*) from alerts") == 0


def test_uploads_that_never_ended_are_ended_by_the_sweep(shelf):
    """The stand-in for S3 says of every upload that it began in 2010."""
    client, bucket = shelf.rt.store.client, shelf.rt.settings.s3_bucket
    client.create_multipart_upload(Bucket=bucket, Key="recordings/x")
    sweeps.sweep(shelf.rt)
    assert client.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_the_api_of_twilio_is_asked_once_when_everything_is_there(shelf):
    sid = shelf.has()
    shelf.ask(sid)
    shelf.world.work("recording.delete")
    answer = requests.get(
        f"{shelf.rt.settings.twilio_api_url}/2010-04-01/Accounts/{shelf.rt.settings.twilio_account_sid}/Recordings/{sid}.json",
        auth=(shelf.rt.settings.twilio_account_sid, shelf.rt.settings.twilio_auth_tokens[0]), timeout=10,
    )  # fmt: skip
    assert answer.status_code == 404
