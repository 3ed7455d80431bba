"""What goes wrong with the sound of recordings, and the ledger that knows what was served to whom."""

import json
from hashlib import sha256

import pytest
import requests

SECONDS = 6


@pytest.fixture
def recording(sim, until):
    """The SID of a finished recording in two channels."""
    sid = sim.sim("POST", "/recordings", {"duration_s": SECONDS, "channels": 2})["data"][0]
    until(lambda: line_of(sim, sid)["status"] == "completed")
    return sid


def line_of(sim, sid):
    lines = requests.get(f"{sim.url}/sim/media", timeout=10).text.splitlines()
    return next(line for line in map(json.loads, lines) if line["sid"] == sid)


def fetch(sim, sid, suffix="wav", **more):
    url = f"{sim.rest_url}/Recordings/{sid}.{suffix}"
    account = sim.world.account
    return requests.get(url, auth=(account.sid, account.token), timeout=10, **more)


def plan(sim, sid, trouble, **more):
    sim.sim("PUT", "/media/trouble", {"planned": [{"sid": sid, "trouble": trouble}], **more})


@pytest.mark.parametrize(("suffix", "channels"), [("wav", 1), ("wav", 2), ("mp3", 1), ("mp3", 2)])
def test_the_ledger_says_what_is_served(sim, recording, suffix, channels):
    got = fetch(sim, recording, suffix, params={"RequestedChannels": str(channels)})
    line = line_of(sim, recording)
    assert line["sha256"][f"{suffix}/{channels}"] == sha256(got.content).hexdigest()
    assert (line["requests"], line["whole"], line["troubles"], line["deleted_s"]) == (1, 1, {}, None)


def test_no_two_recordings_sound_alike_and_each_always_the_same(sim, until):
    sids = sim.sim("POST", "/recordings", {"duration_s": SECONDS, "channels": 2, "count": 2})["data"]
    until(lambda: all(line_of(sim, sid)["status"] == "completed" for sid in sids))
    for suffix in ("wav", "mp3"):
        one, other, again = (fetch(sim, sid, suffix).content for sid in (*sids, sids[0]))
        assert one == again != other
        assert len(one) == len(other)


def test_each_trouble_befalls_one_request_and_is_counted(sim, recording):
    whole = fetch(sim, recording).content
    for trouble, status, kind in (("late", 404, "application/json"), ("error", 503, "application/json"),
                                  ("page", 200, "text/html; charset=utf-8"), ("cut", 200, "audio/x-wav"),
                                  ("other", 200, "audio/x-wav")):  # fmt: skip
        plan(sim, recording, trouble)
        met = fetch(sim, recording)
        assert (met.status_code, met.headers["Content-Type"]) == (status, kind)
        assert met.content != whole
        assert fetch(sim, recording).content == whole
    assert line_of(sim, recording)["troubles"] == dict.fromkeys(("late", "error", "page", "cut", "other"), 1)


def test_a_short_body_comes_under_a_full_length(sim, recording):
    plan(sim, recording, "short")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        fetch(sim, recording)


def test_a_hanging_answer_ends_without_a_byte(sim, recording):
    plan(sim, recording, "hang", hang_s=0.01)
    with pytest.raises(requests.ConnectionError):
        fetch(sim, recording)


def test_the_other_host_needs_no_password_and_notes_one_that_comes(sim, recording):
    plan(sim, recording, "elsewhere")
    moved = fetch(sim, recording, allow_redirects=False)
    where = moved.headers["Location"]
    assert (moved.status_code, where.startswith("http://localhost:")) == (307, True)
    sound = requests.get(where, timeout=10).content
    assert sha256(sound).hexdigest() == line_of(sim, recording)["sha256"]["wav/2"]
    requests.get(where, auth=("somebody", "secret"), timeout=10)
    line = line_of(sim, recording)
    assert (line["elsewhere"], line["elsewhere_with_credentials"]) == (2, 1)


def test_odds_decide_for_the_others_and_no_wish_ends_them(sim, recording):
    sim.sim("PUT", "/media/trouble", {"odds": {"late": 1}})
    assert fetch(sim, recording).status_code == 404
    sim.sim("PUT", "/media/trouble", {})
    assert fetch(sim, recording).status_code == 200


@pytest.mark.parametrize(
    "wishes",
    [{"odd": {}}, {"odds": {"rain": 1}}, {"odds": {"late": 2}}, {"odds": {"late": 0.6, "error": 0.6}}, {"odds": []},
     {"planned": {}}, {"planned": [{"sid": "RE1", "trouble": "rain"}]}, {"planned": [{"sid": "RE1"}]}, {"hang_s": "x"},
     {"planned": [{"sid": "RE1", "trouble": "late", "times": 0}]}],
)  # fmt: skip
def test_what_is_no_trouble_is_refused(sim, wishes):
    answer = requests.put(f"{sim.url}/sim/media/trouble", json=wishes, timeout=10)
    assert answer.status_code == 400


def test_the_ledger_keeps_what_was_deleted_and_when(sim, client, recording):
    before = line_of(sim, recording)
    client.recordings(recording).delete()
    line = line_of(sim, recording)
    assert (before["deleted_s"], line["status"], line["deleted_s"] > 0) == (None, "deleted", True)
    assert line["sha256"] == before["sha256"]
    heard = requests.get(f"{sim.url}/sim/recordings/{recording}.wav", timeout=10).content
    assert sha256(heard).hexdigest() == line["sha256"]["wav/2"]
