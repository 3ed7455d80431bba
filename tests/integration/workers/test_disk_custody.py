"""The whole life of a recording on this machine's disk: fetched, heard, read back, repaired, released, deleted."""

import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from shared.db import recording_damage, recordings
from shared.runtime import Runtime
from tests.integration.ingress.api.conftest import Api, application, new_key
from tests.integration.workers.keeping import Between, simulated, to_fetch
from tests.integration.workers.shelf import Shelf
from workers import recording_audit


@pytest.fixture
def shelf(world, tmp_path):
    with simulated() as (twilio, url):
        keys = {"a": bytes(range(32))}
        yield Shelf(world, twilio, url, recording_store="disk", recording_dir=str(tmp_path), recording_keys=keys)


def fetched(shelf, number=1):
    with shelf.conn() as conn:
        sid = to_fetch(conn, number, twilio=shelf.twilio)
    assert shelf.world.work("recording.fetch") == ["done"]
    return sid


def listener(shelf):
    rt = shelf.rt
    return Api(application(Runtime(rt.settings, rt.db, rt.redis)).test_client(), new_key(rt).text)


def files(shelf):
    return [path for path in Path(shelf.rt.settings.recording_dir).rglob("*") if path.is_file()]


def verified(shelf):
    found = recording_audit.verify(shelf.conn, shelf.rt.store, actor="test", before=datetime.now(UTC))
    return [one.damage for one in found]


def flip(path):
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def test_what_was_fetched_lies_encrypted_and_is_heard_as_it_was(shelf):
    sid = fetched(shelf)
    with shelf.conn() as conn:
        row = recordings.find(conn, sid)
    sound = listener(shelf).get(f"/api/recordings/{sid}?media=1").data
    assert (len(sound), sha256(sound).digest(), sound[:4]) == (row.size_bytes, row.sha256, b"RIFF")
    (path,) = files(shelf)
    assert path.relative_to(shelf.rt.settings.recording_dir).as_posix() == row.object_key
    content = path.read_bytes()
    assert sound[:4] not in content
    assert sound[-1000:] not in content
    assert path.stat().st_mode & 0o077 == 0
    assert verified(shelf) == [None]
    assert shelf.world.one("select store_receipt ->> 'encryption' from recordings") == "AES-256-GCM"


@pytest.mark.parametrize("finder", ["verify", "listener", "release"])
def test_a_flipped_bit_is_found_by_everybody_and_repaired_from_twilio(shelf, finder):
    sid = fetched(shelf)
    flip(files(shelf)[0])
    api = listener(shelf)
    if finder == "verify":
        assert verified(shelf) == ["changed"]
        assert shelf.world.one("select count(*) from jobs where kind = 'recording.fetch' and state = 'due'") == 0
        with shelf.conn() as conn:
            recording_damage.fetch_again(conn, sid)
    elif finder == "listener":
        assert api.get(f"/api/recordings/{sid}?media=1").status_code == 503
    else:
        shelf.says("call", None, 0)
        assert shelf.sweep() == ["done"]
    assert (shelf.world.one("select damage from recordings"), shelf.at_twilio(sid)) == ("changed", True)
    assert shelf.world.work("recording.fetch") == ["done"]
    assert api.get(f"/api/recordings/{sid}?media=1").status_code == 200
    assert len(files(shelf)) == 2  # the damaged one is left for whoever wants to know why
    assert verified(shelf) == [None]


def test_released_at_twilio_ours_is_heard_on(shelf):
    sid = fetched(shelf)
    shelf.says("call", None, 0)
    assert shelf.sweep() == ["done"]
    assert (shelf.state(sid), shelf.at_twilio(sid)) == ("provider-deleted", False)
    (receipt,) = shelf.receipts(sid)
    assert (receipt.place, receipt.detail["store"]["checksum"]) == ("twilio", "read back")
    assert listener(shelf).get(f"/api/recordings/{sid}?media=1").status_code == 200


def test_over_its_age_nothing_is_left_on_the_disk(shelf):
    """Of a recording with a damaged copy, a good one, and a draft that a killed worker has left."""
    sid, api = fetched(shelf), listener(shelf)
    flip(files(shelf)[0])
    api.get(f"/api/recordings/{sid}?media=1")
    shelf.world.work("recording.fetch")
    path = files(shelf)[0]
    (path.parent / f".{path.name}.0123456789abcdef.draft").write_bytes(b"half")
    shelf.world.rows("update recordings set announced_at = now() - interval '8 days' returning 1")
    shelf.says("call", 7, None)
    assert shelf.sweep() == ["done"]
    assert (shelf.state(sid), shelf.at_twilio(sid), files(shelf)) == ("deleted", False, [])
    assert [receipt.place for receipt in shelf.receipts(sid)] == ["twilio", "store", "store"]
    assert api.get(f"/api/recordings/{sid}?media=1").status_code == 410


def test_a_file_that_no_recording_names_is_a_stray_after_an_hour(shelf):
    """A worker that stood still put it when the recording had been deleted, and was killed before it could take it back."""
    with shelf.conn() as conn:
        sid = to_fetch(conn, twilio=shelf.twilio)

    def deletion():
        shelf.ask(sid)
        shelf.world.rows(
            "update jobs set lease_until = now() - interval '1 s' where kind = 'recording.fetch' returning 1"
        )
        shelf.world.rt = shelf.rt
        shelf.world.work("recording.fetch", "recording.delete")

    class Killed(Between):
        def put(self, *what):
            super().put(*what)
            raise KeyboardInterrupt

    shelf.world.rt = replace(shelf.rt, store=Killed(shelf.rt.store, deletion))
    with pytest.raises(KeyboardInterrupt):
        shelf.world.work("recording.fetch")
    (path,) = files(shelf)
    assert shelf.state(sid) == "deleted"
    assert recording_audit.strays(shelf.conn, shelf.rt.store) == ([], [])
    os.utime(path, times=(time.time() - 3700,) * 2)
    assert recording_audit.strays(shelf.conn, shelf.rt.store) == (shelf.here(sid), [])
    assert files(shelf) == [path]
