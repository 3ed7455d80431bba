"""Recordings over REST: the sound and its length, lists, live recordings, deletion."""

import io
import wave
from datetime import UTC, datetime, timedelta

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from workers.sound_check import check

OWNER = "+14155550199"


@pytest.fixture
def recorded(sim, receiver, until):
    """Makes a finished call of `talk_s` with its recording."""

    def make(talk_s, record="record-from-answer-dual"):
        receiver.says("/voice", f'<Response><Dial record="{record}">{OWNER}</Dial></Response>')
        sim.number(voice_url=receiver.url + "/voice")
        sim.phone(talk_s=talk_s)
        sid = sim.call()
        return until(lambda: [r for r in sim.sim("GET", f"/calls/{sid}")["recordings"] if r["status"] == "completed"])[
            0
        ]

    return make


def sound(answer):
    assert answer.status_code == 200, answer.text
    return wave.open(io.BytesIO(answer.content))


@pytest.mark.parametrize(("record", "channels"), [("record-from-answer-dual", 2), ("record-from-answer", 1)])
def test_the_wav_is_as_long_as_its_duration_says(sim, recorded, record, channels):
    recording = recorded(7, record)
    assert (recording["duration"], recording["channels"]) == ("7", channels)
    heard = sound(sim.rest("GET", f"/Recordings/{recording['sid']}.wav"))
    assert (heard.getframerate(), heard.getsampwidth(), heard.getnchannels()) == (8000, 2, channels)
    assert heard.getnframes() == 7 * 8000
    assert any(heard.readframes(8000)), "a tone, not silence"


def test_the_address_without_an_ending_is_the_wav_too(sim, recorded):
    sid = recorded(2)["sid"]
    assert sound(sim.rest("GET", f"/Recordings/{sid}")).getnframes() == 16000


@pytest.mark.parametrize("channels", [1, 2])
def test_an_mp3_has_the_length_and_the_channels_asked_for(sim, recorded, channels):
    path = f"/Recordings/{recorded(7)['sid']}.mp3"
    heard = sim.rest("GET", path, RequestedChannels=str(channels))
    assert heard.headers["Content-Type"] == "audio/mpeg"
    check(io.BytesIO(heard.content), 7, is_mp3=True, channels=channels)


def test_two_channels_of_one_are_no_mp3_either(sim, recorded):
    path = f"/Recordings/{recorded(1, 'true')['sid']}.mp3"
    assert sim.rest("GET", path, RequestedChannels="2").status_code == 400


def test_two_channels_can_be_mixed_to_one_but_one_never_becomes_two(sim, recorded):
    path = f"/Recordings/{recorded(1)['sid']}.wav"
    assert sound(sim.rest("GET", path, RequestedChannels="1")).getnchannels() == 1
    assert sound(sim.rest("GET", path, RequestedChannels="2")).getnchannels() == 2
    mono = recorded(1, "true")["sid"]
    assert sim.rest("GET", f"/Recordings/{mono}.wav", RequestedChannels="2").status_code == 400


def test_media_can_be_late_after_completed(sim, recorded, until):
    sim.sim("POST", "/settings", {"media_late_s": 3600})
    path = f"/Recordings/{recorded(1)['sid']}.wav"
    answer = sim.rest("GET", path)
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)
    sim.world.clock.set_speed(1000)
    sim.world.recordings.get(path.split("/")[2][:-4]).ready_world_s = sim.world.clock.world_s() + 50
    until(lambda: sim.rest("GET", path).status_code == 200)


def test_the_media_need_the_password(sim, recorded):
    assert requests.get(f"{sim.rest_url}/Recordings/{recorded(1)['sid']}.wav", timeout=5).status_code == 401


def test_lists_know_the_call_and_the_day(sim, client, recorded):
    one, two = recorded(1), recorded(2)
    assert [r.sid for r in client.recordings.list()] == [two["sid"], one["sid"]]
    assert [r.sid for r in client.recordings.list(call_sid=one["call_sid"])] == [one["sid"]]
    assert [r.sid for r in client.calls(two["call_sid"]).recordings.list()] == [two["sid"]]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert client.recordings.list(date_created_after=tomorrow) == []
    assert len(client.recordings.list(date_created_before=tomorrow)) == 2


def test_a_deleted_recording_has_no_sound_and_shows_only_to_those_who_ask(sim, client, recorded):
    sid = recorded(1)["sid"]
    assert client.recordings(sid).delete() is True
    with pytest.raises(TwilioRestException) as gone:
        client.recordings(sid).fetch()
    assert gone.value.code == 20404
    assert sim.rest("GET", f"/Recordings/{sid}.wav").status_code == 404
    assert client.recordings.list() == []
    assert client.recordings.list(include_soft_deleted=True)[0].status == "deleted"


def test_a_live_call_can_be_recorded_and_stopped_by_rest(sim, client, receiver, until):
    receiver.says("/voice", "<Response><Say>Hi</Say><Pause length='14000'/></Response>")
    sim.number(voice_url=receiver.url + "/voice")
    sid = sim.call()
    until(lambda: client.calls(sid).fetch().status == "in-progress")
    started = client.calls(sid).recordings.create(
        recording_channels="dual", recording_status_callback=receiver.url + "/recorded"
    )
    assert (started.status, started.channels, started.duration) == ("in-progress", 2, "-1")
    until(lambda: sim.world.lines[sid].now_s > 5)
    client.calls(sid).recordings("Twilio.CURRENT").update(status="stopped")
    told = receiver.wait_for("/recorded")[0].form
    assert (told["RecordingSid"], told["RecordingSource"]) == (started.sid, "StartCallRecordingAPI")
    client.calls(sid).update(status="completed")
    with pytest.raises(TwilioRestException) as refused:
        client.calls(sid).recordings.create()
    assert refused.value.code == 21220


def test_recordings_that_run_end_with_the_call(sim, receiver):
    callback = 'recordingStatusCallback="/recorded" recordingStatusCallbackEvent="in-progress completed"'
    receiver.says("/voice", f"<Response><Start><Recording {callback}/></Start><Pause length='20'/></Response>")
    sim.number(voice_url=receiver.url + "/voice")
    sim.ended_call(sim.call())
    told = receiver.wait_for("/recorded", 2)
    assert [g.form["RecordingStatus"] for g in told] == ["in-progress", "completed"]
    assert told[1].form["RecordingDuration"] == "20"


def test_recordings_are_brought_without_a_call_and_report_themselves(sim, receiver, until):
    wishes = {"count": 3, "duration_s": 160, "channels": 2, "callback": receiver.url + "/recording"}
    sids = sim.sim("POST", "/recordings", wishes)["data"]
    told = until(lambda: (h := sim.sim("GET", "/webhooks?kind=recording-status")["data"]) and len(h) == 3 and h)
    assert {entry["sid"] for entry in told} == set(sids)
    assert len(sim.rest("GET", f"/Recordings/{sids[0]}.wav").content) == 44 + 160 * 8000 * 2 * 2
