"""A stored recording is written down by an engine, over real HTTP to the stand-in of one, and comes to no harm by it."""

import hashlib

import pytest

from shared import transcriber
from shared.db import jobs, recording_deletions, recordings
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, event
from tests.integration.workers.media_host import MediaHost, wav
from tests.unit.standins.conftest import StandIns, standins  # noqa: F401 - a fixture
from workers import transcribing

CALL, SID = "CA" + "1" * 32, "RE" + "1" * 32
CARD = "4111 1111 1111 1111"


@pytest.fixture
def engine(standins: StandIns):  # noqa: F811
    return standins


@pytest.fixture
def asked(world, engine):
    """The house with an engine, and a Twilio whose media are the test's."""
    host = MediaHost()
    settings = {
        "twilio_api_url": host.url, "transcription": "http", "transcription_url": f"{engine.url}/engine",
        "transcription_model": "small",
    }  # fmt: skip
    for name, value in settings.items():
        object.__setattr__(world.rt.settings, name, value)
    yield host
    host.close()


def is_stored(world, media, seconds=3, sid=SID):
    """A call was recorded, and its recording is with us."""
    media.answers(wav(seconds).getvalue())
    world.happens(event("call", answer="forward", CallSid=CALL, CallStatus="ringing", From=CUSTOMER, To=BUSINESS,
                        Direction="inbound"))  # fmt: skip
    world.happens(event("recording", RecordingSid=sid, RecordingStatus="completed", CallSid=CALL, RecordingChannels="1",
                        RecordingDuration=str(seconds), RecordingSource="DialVerb", ErrorCode="0"))  # fmt: skip
    assert world.work("recording.fetch") == ["done"]


def trouble(engine, **fault):
    assert engine.ask("PUT", "/standin/faults", {"engine": fault}).status_code == 204


def heard(engine):
    return engine.ask("GET", "/standin/engine").json()["heard"]


def transcription(world):
    (row,) = world.rows(
        "select transcription_sid, recording_sid, call_sid, provider, status, text, error_reason from transcriptions"
    )
    return row


def told(world):
    return world.rows("select type, data ->> 'error_reason' from notifications where type like 'transcription.%%'")


def test_a_stored_recording_is_written_down_once(world, asked, engine):
    is_stored(world, asked)
    assert world.work("transcription.request") == ["done"]
    text = "Hello, this is Ana. Please call me back at five. Thank you."
    assert transcription(world) == (f"http:{SID}", SID, CALL, "http", "completed", text, None)
    ((confidence, language, segments),) = world.rows("select confidence, language, segments from transcriptions")
    assert (round(confidence, 2), language, segments) == (
        0.82, "english", [{"start_s": 0.0, "end_s": 10.0, "text": text}])  # fmt: skip
    assert told(world) == [("transcription.completed", None)]
    (sent,) = heard(engine)
    assert sent["sha256"] == hashlib.sha256(wav(3).getvalue()).hexdigest()
    assert sent["fields"]["model"] == "small"


def test_without_an_engine_nobody_is_asked(world, asked):
    for digit, mode in (("1", "off"), ("2", "twilio")):
        object.__setattr__(world.rt.settings, "transcription", mode)
        is_stored(world, asked, sid="RE" + digit * 32)
    assert world.one("select count(*) from jobs where kind = 'transcription.request'") == 0


@pytest.mark.parametrize(("seconds", "is_asked"), [(1, 0), (2, 1)])
def test_what_is_too_short_is_not_sent(world, asked, seconds, is_asked):
    is_stored(world, asked, seconds)
    assert world.one("select count(*) from jobs where kind = 'transcription.request'") == is_asked


def test_what_is_too_long_is_not_sent(world, asked, monkeypatch):
    monkeypatch.setattr(transcribing, "LONGEST_S", 2)
    is_stored(world, asked, 3)
    assert world.one("select count(*) from jobs where kind = 'transcription.request'") == 0


def test_a_further_copy_is_not_sent_again(world, asked, engine):
    is_stored(world, asked)
    world.work("transcription.request")
    world.rows("delete from jobs where kind = 'transcription.request' returning id")  # as housekeeping does in time
    world.rows("update recordings set damage = 'changed', damaged_at = now() returning recording_sid")
    with world.rt.db.connection() as conn:
        jobs.renew(conn, "recording.fetch", SID, order_key=recordings.order_key(SID))
    assert world.work("recording.fetch") == ["done"]
    assert world.one("select copy from recordings") == 2
    assert world.one("select count(*) from jobs where kind = 'transcription.request'") == 0


def test_an_engine_that_is_busy_is_asked_again(world, asked, engine):
    is_stored(world, asked)
    trouble(engine, status=429, headers={"Retry-After": "600"})
    assert world.work("transcription.request") == ["transient"]
    assert world.one("select next_at > now() + interval '9 minutes' from jobs where kind = 'transcription.request'")
    trouble(engine, status=503)
    world.time_passes()
    assert world.work("transcription.request") == ["transient"]
    assert world.one("select count(*) from transcriptions") == 0
    world.time_passes()
    assert world.work("transcription.request") == ["done"]
    assert transcription(world)[4] == "completed"


def test_a_sound_that_the_engine_refuses_is_failed_and_the_recording_is_as_it_was(world, asked, engine):
    is_stored(world, asked)
    before = world.rows("select * from recordings")
    trouble(engine, status=400)
    assert world.work("transcription.request") == ["failed"]
    assert transcription(world)[4:] == ("failed", "", "engine_400 ordered_fault")
    assert told(world) == [("transcription.failed", "engine_400 ordered_fault")]
    assert world.rows("select * from recordings") == before


def test_an_answer_that_stays_unreadable_is_given_up(world, asked, engine):
    is_stored(world, asked)
    trouble(engine, status=200, body="junk", times=None)
    outcomes = []
    while not outcomes or outcomes[-1] == "transient":
        world.time_passes()
        outcomes += world.work("transcription.request")
    assert outcomes == ["transient"] * (transcribing.UNREADABLE_TRIES - 1) + ["failed"]
    assert transcription(world)[6] == "engine_unreadable"


def test_no_card_that_the_engine_heard_is_in_the_database(world, asked, engine):
    engine.ask("PUT", "/standin/engine", {"text": f"My card is {CARD}, thanks."})
    is_stored(world, asked)
    assert world.work("transcription.request") == ["done"]
    assert world.one("select text from transcriptions") == "My card is [card], thanks."
    for (table,) in world.rows("select table_name from information_schema.tables where table_schema = 'public'"):
        assert not world.rows(f"select from {table} t where t::text ~ '4111[ 0-9]*1111'"), table


def test_what_is_to_be_deleted_is_not_sent(world, asked, engine):
    is_stored(world, asked)
    with world.rt.db.connection() as conn:
        recording_deletions.ask(conn, SID, reason="privacy", asked_by="test")
    assert world.work("transcription.request") == ["done"]
    assert heard(engine) == []
    assert world.one("select count(*) from transcriptions") == 0


def test_words_that_come_after_the_deletion_was_asked_for_are_not_kept(world, asked, engine, monkeypatch):
    is_stored(world, asked)
    whole = transcriber.ask

    def meanwhile(*args, **kwargs):
        with world.rt.db.connection() as conn:
            recording_deletions.ask(conn, SID, reason="privacy", asked_by="test")
        return whole(*args, **kwargs)

    monkeypatch.setattr(transcriber, "ask", meanwhile)
    assert world.work("transcription.request") == ["done"]
    assert world.one("select count(*) from transcriptions") == 0


def test_a_damaged_copy_is_marked_and_written_down_once_it_is_mended(world, asked, engine):
    is_stored(world, asked)
    key = world.one("select object_key from recordings")
    store = world.rt.store
    store.client.put_object(Bucket=world.rt.settings.s3_bucket, Key=key, Body=b"x" * 48_044)
    assert world.work("transcription.request") == ["deferred"]
    assert world.one("select damage from recordings") == "changed"
    assert world.one("select count(*) from alerts where source = 'recording-damaged'") == 1
    assert heard(engine) == []
    assert world.work("recording.fetch") == ["done"]
    world.time_passes()
    assert world.work("transcription.request") == ["done"]
    assert transcription(world)[4] == "completed"


def test_a_lease_covers_what_the_engine_may_take_for_just_this_sound(world, asked, engine, monkeypatch):
    is_stored(world, asked, 10)
    whole, left = transcriber.ask, []

    def meanwhile(*args, **kwargs):
        left.append(
            world.one("select extract(epoch from lease_until - now())::float from jobs where lease_until > now()")
        )
        return whole(*args, **kwargs)

    monkeypatch.setattr(transcriber, "ask", meanwhile)
    assert world.work("transcription.request") == ["done"]
    most_s = transcribing.LEASE_S + transcriber.deadline_s(10)
    assert most_s - 30 < left[0] <= most_s
