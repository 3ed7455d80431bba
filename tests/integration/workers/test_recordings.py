import errno
import hashlib
import io
from dataclasses import replace

import pytest
import requests

from shared.db import alerts, jobs, recordings
from shared.errors import Permanent, Transient
from shared.store.presigned import presigned_get
from shared.twilio import media as twilio_media
from shared.twilio.media import check_redirect
from tests.integration.workers.conftest import ACCOUNT, BUSINESS, CUSTOMER, TENANT, event
from tests.integration.workers.media_host import MediaHost, mp3, wav
from workers.sound_check import check

CALL, SID = "CA" + "1" * 32, "RE" + "1" * 32


def reported(status, sid=SID, channels="1", **more):
    return event("recording", RecordingSid=sid, RecordingStatus=status, CallSid=CALL, RecordingChannels=channels,
                 RecordingSource="DialVerb", ErrorCode="0", **more)  # fmt: skip


def completed(world, seconds=1, account=ACCOUNT.sid, **more):
    world.happens(replace(reported("completed", RecordingDuration=str(seconds), **more), account_sid=account))


def again(world):
    """A person asks for it once more."""
    with world.rt.db.connection() as conn:
        jobs.renew(conn, "recording.fetch", SID, order_key=recordings.order_key(SID))
    return world.work("recording.fetch")


def damaged(world, damage="changed"):
    with world.rt.db.connection() as conn:
        conn.execute("update recordings set damage = %s, damaged_at = now()", (damage,))


@pytest.fixture
def media(world):
    """What Twilio's media host answers, without a call: the bytes of the test."""
    host = MediaHost()
    object.__setattr__(world.rt.settings, "twilio_api_url", host.url)
    yield host
    host.close()


@pytest.fixture
def elsewhere():
    host = MediaHost()
    yield host
    host.close()


def test_a_recording_is_fetched_checked_and_stored_whole(world, media):
    sound = wav(3).getvalue()
    media.answers(sound)
    world.happens(event("call", answer="forward", CallSid=CALL, CallStatus="ringing", From=CUSTOMER, To=BUSINESS,
                        Direction="inbound"))  # fmt: skip
    world.happens(reported("completed", RecordingDuration="3"))
    assert world.work("recording.fetch") == ["done"]
    ((state, key, size, sha256),) = world.rows("select state, object_key, size_bytes, sha256 from recordings")
    assert (state, size, sha256) == ("stored", len(sound), hashlib.sha256(sound).digest())
    stored = requests.get(presigned_get(world.rt.settings, key, expires_s=60), timeout=10)
    assert stored.content == sound
    assert world.one("select tenant_id from notifications where type = 'recording.available'") == TENANT


def test_a_recording_told_twice_is_fetched_once(world, media):
    media.answers(wav(1).getvalue())
    world.happens(reported("completed", RecordingDuration="1"), reported("in-progress"))
    world.happens(reported("completed", RecordingDuration="1"))
    assert world.work("recording.fetch") == ["done"]
    assert world.one("select count(*) from jobs where kind = 'recording.fetch'") == 1


def test_media_that_is_not_there_yet_is_asked_for_again(world, media):
    media.answers(status=404)
    world.happens(reported("completed", RecordingDuration="1"))
    assert world.work("recording.fetch") == ["transient"]
    assert world.one("select last_error from jobs") == "media_404"
    assert world.one("select state from recordings") == "available"


def test_media_that_breaks_off_is_not_stored(world, media):
    media.answers(wav(3).getvalue()[:9000], length=48_044)
    world.happens(reported("completed", RecordingDuration="3"))
    assert world.work("recording.fetch") == ["transient"]
    assert world.one("select object_key from recordings") is None


def test_media_of_another_length_than_twilio_said_is_not_stored(world, media):
    media.answers(wav(1).getvalue())
    world.happens(reported("completed", RecordingDuration="9"))
    assert world.work("recording.fetch") == ["transient"]
    assert world.one("select state from recordings") == "fetched"


def test_an_error_page_is_no_recording(world, media):
    media.answers(b"<html>gone</html>", content_type="text/html")
    world.happens(reported("completed", RecordingDuration="1"))
    assert world.work("recording.fetch") == ["transient"]
    assert world.one("select last_error from jobs") == "media is text/html, not audio"
    assert world.one("select state from recordings") == "available"


def test_absent_media_is_final_and_nothing_is_promised(world):
    world.happens(reported("absent"), reported("completed", RecordingDuration="1"))
    assert world.one("select state from recordings") == "absent"


@pytest.mark.parametrize("bad", [b"", b"RIFF", b"\0" * 5000])
def test_what_cannot_be_read_as_a_wav_is_no_recording(bad):
    with pytest.raises(Transient):
        check(io.BytesIO(bad), 1)


def test_a_file_cut_short_is_noticed_though_its_header_promises_more():
    whole = wav(9).getvalue()
    with pytest.raises(Transient, match="media_length"):
        check(io.BytesIO(whole[: len(whole) // 2]), 9)


def test_a_second_more_or_less_is_twilios_rounding():
    check(wav(3.9), 3)
    with pytest.raises(Transient, match="media_length"):
        check(wav(4.2), 3)


def test_the_object_key_tells_nothing_personal(world, media):
    media.answers(wav(1).getvalue())
    world.happens(reported("completed", RecordingDuration="1"))
    world.work("recording.fetch")
    with world.rt.db.connection() as conn:
        stored = recordings.find(conn, SID)
    assert stored is not None
    assert stored.object_key == f"recordings/_/{stored.announced_at:%Y/%m/%d}/{SID}.wav"


def test_media_that_comes_late_is_stored_when_it_comes(world, media):
    completed(world)
    for trouble in [{"status": 404}, {"status": 500}, {"drop": True}, {"status": 404}]:
        media.answers(**trouble)
        assert world.work("recording.fetch") == ["transient"]
        world.time_passes()
    media.answers(wav(1).getvalue())
    assert world.work("recording.fetch") == ["done"]
    ((state, key, receipt),) = world.rows("select state, object_key, store_receipt from recordings")
    assert (state, receipt is not None) == ("stored", True)
    assert key.endswith(f"{SID}.wav")
    assert world.one("select available_at <= fetched_at and fetched_at <= verified_at and verified_at <= stored_at "
                     "from recordings")  # fmt: skip


def test_media_that_stands_still_is_asked_for_again(world, media, monkeypatch):
    monkeypatch.setattr("shared.twilio.media.READ_S", 0.2)
    media.answers(wav(1).getvalue(), hang_after=1000)
    completed(world)
    assert world.work("recording.fetch") == ["transient"]
    assert world.one("select object_key from recordings") is None


def test_a_body_of_no_bytes_is_no_recording(world, media):
    media.answers(b"")
    completed(world, 0)
    assert world.work("recording.fetch") == ["transient"]
    assert world.one("select last_error from jobs") == "media_empty"


def test_a_recording_that_says_it_is_too_large_is_not_read(world, media):
    media.answers(b"", length=500_000_001)
    completed(world)
    assert world.work("recording.fetch") == ["failed"]
    assert world.one("select state from recordings") == "failed"
    assert world.one("select count(*) from notifications where type = 'recording.failed'") == 1


def test_a_full_disk_is_waited_out(world, media, monkeypatch):
    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("workers.recordings.tempfile.SpooledTemporaryFile", lambda **_: Full())
    media.answers(wav(1).getvalue())
    completed(world)
    assert world.work("recording.fetch") == ["transient"]
    assert world.one("select last_error from jobs") == "disk_full"


def test_a_redirect_to_another_host_is_followed_without_our_credentials(world, media, elsewhere):
    elsewhere.answers(wav(1).getvalue())
    media.answers(status=307, location=f"{elsewhere.url}/media/1.wav")
    completed(world)
    assert world.work("recording.fetch") == ["done"]
    assert media.asked[0].authorization.startswith("Basic ")
    assert [(each.path, each.authorization) for each in elsewhere.asked] == [("/media/1.wav", None)]


def test_credentials_once_dropped_are_not_taken_up_when_it_leads_back(world, media, elsewhere):
    media.answers(status=302, location=f"{elsewhere.url}/away")
    media.answers(wav(1).getvalue(), path="/back")
    elsewhere.answers(status=302, location=f"{media.url}/back")
    completed(world)
    assert world.work("recording.fetch") == ["done"]
    assert (media.asked[-1].path, media.asked[-1].authorization) == ("/back", None)


def test_a_redirect_at_the_same_address_keeps_them(world, media):
    media.answers(status=302, location="/moved")
    media.answers(wav(1).getvalue(), path="/moved")
    completed(world)
    assert world.work("recording.fetch") == ["done"]
    assert media.asked[-1].authorization == media.asked[0].authorization is not None


def test_a_ring_of_redirects_is_left(world, media):
    media.answers(status=302, location="/ring")
    completed(world)
    assert world.work("recording.fetch") == ["transient"]
    assert len(media.asked) == 4
    assert world.one("select last_error from jobs") == "media_redirects"


@pytest.mark.parametrize("target", [
    "http://8.8.8.8/a", "https://127.0.0.1/a", "https://10.0.0.1/a", "https://169.254.169.254/latest", "https://[::1]/a",
    "https://[::ffff:127.0.0.1]/a", "file:///etc/passwd", "https://user:word@8.8.4.4/a", "https:///a", "https://8.8.4.4:x/a",
])  # fmt: skip
def test_a_redirect_that_leads_where_no_media_lies_is_not_followed(target):
    with pytest.raises(Transient, match="media_redirect_"):
        check_redirect("https://8.8.8.8", target)
    check_redirect("https://8.8.8.8", "https://8.8.4.4/media")


def test_the_address_that_was_posted_is_never_asked(world, media, elsewhere):
    media.answers(wav(1).getvalue())
    completed(world, RecordingUrl=f"{elsewhere.url}/2010-04-01/Accounts/{ACCOUNT.sid}/Recordings/{SID}")
    assert world.work("recording.fetch") == ["done"]
    assert elsewhere.asked == []
    assert [each.path.split("?")[0] for each in media.asked] == [
        f"/2010-04-01/Accounts/{ACCOUNT.sid}/Recordings/{SID}.wav"
    ]


def test_a_sid_that_is_none_is_put_into_no_address(world, media):
    with pytest.raises(Permanent):
        world.rt.twilio.fetch_recording(ACCOUNT.sid, "../../x", io.BytesIO(), format="wav", channels=1)
    assert media.asked == []


def test_a_subaccounts_recording_is_asked_for_with_its_own_token(world, media):
    other = "AC" + "7" * 32
    object.__setattr__(world.rt.settings, "twilio_accounts", {other: ("its-token",)})
    media.answers(wav(1).getvalue())
    completed(world, account=other)
    assert world.work("recording.fetch") == ["done"]
    assert media.asked[0].path.startswith(f"/2010-04-01/Accounts/{other}/")
    assert media.asked[0].credentials == f"{other}:its-token"


def test_an_account_that_is_not_ours_is_not_asked_for(world, media):
    completed(world, account="AC" + "8" * 32)
    assert world.work("recording.fetch") == ["failed"]
    assert "no auth token" in world.one("select error_reason from recordings")
    assert media.asked == []


@pytest.mark.parametrize(("setting", "told", "wanted"), [("dual", "2", 2), ("mono", "2", 1), ("dual", "1", 1)])
def test_the_channels_are_those_that_the_setting_and_twilio_have(world, media, setting, told, wanted):
    object.__setattr__(world.rt.settings, "recording_channels", setting)
    media.answers(wav(1, channels=wanted).getvalue())
    completed(world, channels=told)
    assert world.work("recording.fetch") == ["done"]
    assert media.asked[0].path.endswith(f"?RequestedChannels={wanted}")
    ((channels, peaks),) = world.rows("select channels, peaks from recording_waveforms")
    assert channels == wanted
    assert 0 < len(peaks) <= 1000 * wanted


def test_a_recording_that_cannot_be_had_in_two_channels_is_taken_as_it_is(world, media):
    object.__setattr__(world.rt.settings, "recording_channels", "dual")
    media.answers(status=400, query="RequestedChannels")
    media.answers(wav(1).getvalue())
    world.happens(
        event("recording", RecordingSid=SID, RecordingStatus="completed", CallSid=CALL, RecordingDuration="1")
    )
    assert world.work("recording.fetch") == ["done"]
    assert [each.path.partition("?")[2] for each in media.asked] == ["RequestedChannels=2", ""]


def test_fewer_channels_than_told_are_taken_after_some_tries(world, media):
    object.__setattr__(world.rt.settings, "recording_channels", "dual")
    media.answers(wav(1).getvalue())
    completed(world, channels="2")
    for _ in range(5):
        assert world.work("recording.fetch") == ["transient"]
        world.time_passes()
    assert world.one("select last_error from jobs") == "media_channels: 1 instead of 2"
    assert world.work("recording.fetch") == ["done"]


def test_an_mp3_is_fetched_counted_and_stored_as_one(world, media):
    object.__setattr__(world.rt.settings, "recording_format", "mp3")
    media.answers(mp3(2), content_type="audio/mpeg")
    completed(world, 2)
    assert world.work("recording.fetch") == ["done"]
    assert ".mp3?" in media.asked[0].path
    ((key, type_),) = world.rows("select object_key, content_type from recordings")
    assert (key.endswith(f"{SID}.mp3"), type_) == (True, "audio/mpeg")


def test_an_mp3_cut_short_is_not_stored(world, media):
    object.__setattr__(world.rt.settings, "recording_format", "mp3")
    media.answers(mp3(2)[:-3], content_type="audio/mpeg")
    completed(world, 2)
    assert world.work("recording.fetch") == ["transient"]
    assert world.one("select last_error from jobs") == "media_unreadable: cut short"


def test_a_damaged_recording_is_fetched_again_beside_it(world, media, s3):
    media.answers(wav(1).getvalue())
    completed(world)
    world.work("recording.fetch")
    first = world.one("select object_key from recordings")
    damaged(world)
    with world.rt.db.connection() as conn:
        alerts.keep(conn, event_key=f"recording-damaged:{SID}", source="recording-damaged", level="error", code=None,
                    account_sid=ACCOUNT.sid, at=recordings.find(conn, SID).stored_at, resource_sid=SID)  # fmt: skip
    assert again(world) == ["done"]
    ((state, key, copy, damage, at),) = world.rows("select state, object_key, copy, damage, damaged_at from recordings")
    assert (state, copy, damage, at) == ("stored", 2, None, None)
    assert key == first.replace(".wav", ".2.wav")
    assert world.one("select resolved_at is not null from alerts")
    assert world.one("select count(*) from notifications where type = 'recording.available'") == 1


def test_what_twilio_has_deleted_cannot_be_fetched_again(world, media):
    media.answers(wav(1).getvalue())
    completed(world)
    world.work("recording.fetch")
    with world.rt.db.connection() as conn:
        recordings.advance(conn, SID, "provider-deleted")
    damaged(world, "missing")
    asked = len(media.asked)
    assert again(world) == ["failed"]
    assert "Twilio has it no more" in world.one("select last_error from jobs where kind = 'recording.fetch'")
    assert len(media.asked) == asked
    assert world.one("select state from recordings") == "provider-deleted"


def test_what_is_to_be_deleted_is_not_fetched(world, media):
    completed(world)
    world.rows("insert into recording_deletions (recording_sid, reason, asked_by) values (%s, 'privacy', 'crm') returning 1",
               SID)  # fmt: skip
    assert world.work("recording.fetch") == ["done"]
    assert media.asked == []


def test_one_that_failed_can_be_had_when_it_is_asked_for_again(world, media):
    media.answers(b"", length=500_000_001)
    completed(world)
    assert world.work("recording.fetch") == ["failed"]
    media.answers(wav(1).getvalue())
    assert again(world) == ["done"]
    assert world.one("select state from recordings") == "stored"
    types = [row[0] for row in world.rows("select type from notifications where type like 'recording.%%'")]
    assert sorted(types) == ["recording.available", "recording.failed"]


def test_asking_again_waits_for_whoever_has_the_same_recording_in_hand(world, media):
    object.__setattr__(world.rt.settings, "twilio_recording_days", 0)
    media.answers(wav(1).getvalue())
    completed(world)
    world.work("recording.fetch")
    damaged(world)
    with world.rt.db.connection() as conn:
        other = world.one("select id from jobs where kind = 'recording.release' and state = 'due'")
        assert jobs.lease(conn, [other], {"recording.release": 60.0})
    assert again(world) == []
    assert world.one("select next_at = (select lease_until from jobs where id = %s) from jobs "
                     "where kind = 'recording.fetch'", other)  # fmt: skip


@pytest.mark.parametrize(("days", "promised"), [(None, 0), (7, 0), (0, 1)])
def test_a_release_is_promised_only_if_twilios_copy_may_go_at_once(world, media, days, promised):
    object.__setattr__(world.rt.settings, "twilio_recording_days", days)
    media.answers(wav(1).getvalue())
    completed(world)
    assert world.work("recording.fetch") == ["done"]
    assert world.one("select count(*) from jobs where kind = 'recording.release'") == promised


def test_the_jobs_of_a_recording_are_of_one_order(world):
    completed(world)
    assert world.one("select order_key from jobs where kind = 'recording.fetch'") == f"keep|{SID}"


def test_sound_that_drips_is_given_up_in_time(world, media, monkeypatch):
    monkeypatch.setattr(twilio_media, "WHOLE_S", 0.3)
    media.answers(wav(3).getvalue(), drips=True)
    completed(world, 3)
    assert world.work("recording.fetch") == ["transient"]
    assert world.one("select last_error from jobs where kind = 'recording.fetch'") == "media_slow"
