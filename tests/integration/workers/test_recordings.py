import hashlib
import io
import wave

import pytest
import requests

from shared.db import recordings
from shared.errors import Transient
from shared.store.presigned import presigned_get
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, TENANT, event
from workers.sound_check import check

CALL, SID = "CA" + "1" * 32, "RE" + "1" * 32


def reported(status, sid=SID, **more):
    return event("recording", RecordingSid=sid, RecordingStatus=status, CallSid=CALL, RecordingChannels="1",
                 RecordingSource="DialVerb", ErrorCode="0", **more)  # fmt: skip


def wav(seconds, rate=8000):
    out = io.BytesIO()
    with wave.open(out, "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(rate)
        audio.writeframes(b"\0\0" * int(seconds * rate))
    out.seek(0)
    return out


@pytest.fixture
def media(world):
    """What Twilio's media host answers, without a call: the bytes of the test."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    class Handler(BaseHTTPRequestHandler):
        status, content_type, body, length = 200, "audio/x-wav", b"", None

        def do_GET(self):
            self.send_response(self.status)
            self.send_header("content-type", self.content_type)
            self.send_header("content-length", str(self.length or len(self.body)))
            self.end_headers()
            self.wfile.write(self.body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    object.__setattr__(world.rt.settings, "twilio_api_url", f"http://127.0.0.1:{server.server_port}")
    yield Handler
    server.shutdown()
    server.server_close()


def test_a_recording_is_fetched_checked_and_stored_whole(world, media):
    media.body = wav(3).getvalue()
    world.happens(event("call", answer="forward", CallSid=CALL, CallStatus="ringing", From=CUSTOMER, To=BUSINESS,
                        Direction="inbound"))  # fmt: skip
    world.happens(reported("completed", RecordingDuration="3"))
    assert world.work("recording.fetch") == ["done"]
    ((state, key, size, sha256),) = world.rows("select state, object_key, size_bytes, sha256 from recordings")
    assert (state, size, sha256) == ("stored", len(media.body), hashlib.sha256(media.body).digest())
    stored = requests.get(presigned_get(world.rt.settings, key, expires_s=60), timeout=10)
    assert stored.content == media.body
    assert world.one("select tenant_id from notifications where type = 'recording.available'") == TENANT


def test_a_recording_told_twice_is_fetched_once(world, media):
    media.body = wav(1).getvalue()
    world.happens(reported("completed", RecordingDuration="1"), reported("in-progress"))
    world.happens(reported("completed", RecordingDuration="1"))
    assert world.work("recording.fetch") == ["done"]
    assert world.one("select count(*) from jobs where kind = 'recording.fetch'") == 1


def test_media_that_is_not_there_yet_is_asked_for_again(world, media):
    media.status = 404
    world.happens(reported("completed", RecordingDuration="1"))
    assert world.work("recording.fetch") == ["transient"]
    assert world.one("select last_error from jobs") == "media_404"
    assert world.one("select state from recordings") == "available"


def test_media_that_breaks_off_is_not_stored(world, media):
    media.body, media.length = wav(3).getvalue()[:9000], 48_044
    world.happens(reported("completed", RecordingDuration="3"))
    assert world.work("recording.fetch") == ["transient"]
    assert world.one("select object_key from recordings") is None


def test_media_of_another_length_than_twilio_said_is_not_stored(world, media):
    media.body = wav(1).getvalue()
    world.happens(reported("completed", RecordingDuration="9"))
    assert world.work("recording.fetch") == ["transient"]
    assert world.one("select state from recordings") == "fetched"


def test_an_error_page_is_no_recording(world, media):
    media.body, media.content_type = b"<html>gone</html>", "text/html"
    world.happens(reported("completed", RecordingDuration="1"))
    assert world.work("recording.fetch") == ["failed"]
    assert world.one("select state from recordings") == "failed"
    assert world.one("select count(*) from notifications where type = 'recording.failed'") == 1


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
    media.body = wav(1).getvalue()
    world.happens(reported("completed", RecordingDuration="1"))
    world.work("recording.fetch")
    with world.rt.db.connection() as conn:
        stored = recordings.find(conn, SID)
    assert stored is not None
    assert stored.object_key == f"recordings/_/{stored.announced_at:%Y/%m/%d}/{SID}.wav"
