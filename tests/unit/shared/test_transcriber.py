"""The client of an engine, over real HTTP to the stand-in of one."""

import json
import math
import time
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import transcriber
from shared.errors import Permanent, Transient, Unreadable
from shared.settings import load
from tests.unit.standins.conftest import StandIns, standins  # noqa: F401 - a fixture

SOUND = bytes(range(256)) * 20_000  # five megabytes: more than any buffer on the way


def settings(url, **more):
    return load({
        "TS_PUBLIC_URL": "https://x", "TS_REDIS_URL": "redis://x", "TS_DATABASE_URL": "postgresql://x/x",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t", "TS_TRANSCRIPTION": "http",
        "TS_TRANSCRIPTION_URL": f"{url}/engine", **more,
    })  # fmt: skip


def pieces(sound=SOUND, size=1 << 20):
    return iter([sound[at : at + size] for at in range(0, len(sound), size)])


@pytest.fixture
def ask(standins: StandIns):  # noqa: F811
    def asked(sound=SOUND, content_type="audio/x-wav", **more):
        return transcriber.ask(
            settings(standins.url, **more), pieces(sound), size_bytes=len(sound), content_type=content_type, length_s=10
        )

    return asked


@pytest.fixture
def trouble(standins: StandIns):  # noqa: F811
    def order(**fault):
        assert standins.ask("PUT", "/standin/faults", {"engine": fault}).status_code == 204

    return order


@pytest.fixture
def patience(monkeypatch):
    """Of a second in place of a minute."""
    monkeypatch.setattr(transcriber, "START_S", 1.0)
    monkeypatch.setattr(transcriber, "SHARE_OF_LENGTH", 0.0)


def heard(standins: StandIns):  # noqa: F811
    return standins.ask("GET", "/standin/engine").json()["heard"]


def test_the_words_come_with_language_confidence_and_times(ask):
    words = ask()
    assert words.text == "Hello, this is Ana. Please call me back at five. Thank you."
    assert words.language == "english"
    assert words.confidence == pytest.approx(math.exp(-0.2))
    assert words.segments == [{"start_s": 0.0, "end_s": 10.0, "text": words.text}]


def test_the_engine_gets_the_sound_whole_with_what_the_settings_say(ask, standins):  # noqa: F811
    ask(content_type="audio/mpeg", TS_TRANSCRIPTION_MODEL="small", TS_TRANSCRIPTION_LANGUAGE="es")
    (sent,) = heard(standins)
    assert sent["fields"] == {"model": "small", "response_format": "verbose_json", "language": "es"}
    assert (sent["size_bytes"], sent["file_name"], sent["has_key"]) == (len(SOUND), "recording.mp3", False)


def test_the_key_is_shown_and_a_wrong_one_is_not_the_recordings_fault(ask, standins):  # noqa: F811
    standins.ask("PUT", "/standin/engine", {"key": "secret"})
    assert ask(TS_TRANSCRIPTION_KEY="secret").text
    with pytest.raises(Transient, match="engine_401"):
        ask(TS_TRANSCRIPTION_KEY="other")


@pytest.mark.parametrize("status", [500, 502, 503, 529, 401, 403, 404, 408, 301])
def test_what_is_not_the_sounds_fault_is_tried_again(ask, trouble, status):
    trouble(status=status)
    with pytest.raises(Transient, match=f"engine_{status}"):
        ask()


def test_it_waits_as_long_as_it_is_asked_to_but_not_for_days(ask, trouble):
    trouble(status=429, headers={"Retry-After": "7"})
    with pytest.raises(Transient) as soon:
        ask()
    trouble(status=429, headers={"Retry-After": "999999999999"})
    with pytest.raises(Transient) as late:
        ask()
    assert (soon.value.retry_after_s, late.value.retry_after_s) == (7.0, transcriber.LONGEST_WAIT_S)


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_sound_that_is_refused_is_refused_for_good(ask, trouble, status):
    trouble(status=status)
    with pytest.raises(Permanent, match=f"engine_{status} ordered_fault"):
        ask()


def test_a_redirect_is_not_followed(ask, standins, trouble):  # noqa: F811
    trouble(status=307, headers={"Location": f"{standins.url}/engine/v1/audio/transcriptions"})
    with pytest.raises(Transient, match="engine_307"):
        ask()
    assert heard(standins) == []


@pytest.mark.parametrize("body", ["junk", "huge"])
def test_an_answer_that_is_none_is_unreadable(ask, trouble, body):
    trouble(status=200, body=body)
    with pytest.raises(Unreadable):
        ask()


@pytest.mark.parametrize(("fault"), [{"status": 200, "body": "drip"}, {"status": 0, "delay_s": 20.0}])
def test_an_engine_that_drips_or_hangs_is_left_at_the_deadline(ask, trouble, patience, fault):
    trouble(**fault)
    began = time.monotonic()
    with pytest.raises(Transient, match="engine"):
        ask()
    assert time.monotonic() - began < 10


def test_an_engine_that_is_cut_off_or_away_is_tried_again(ask, trouble):
    trouble(is_cut=True)
    with pytest.raises(Transient, match="engine: ConnectionError"):
        ask()
    with pytest.raises(Transient, match="engine: ConnectionError"):
        transcriber.ask(settings("http://127.0.0.1:1"), pieces(), size_bytes=1, content_type="audio/x-wav", length_s=1)


def test_sound_that_breaks_off_leaves_no_words(standins):  # noqa: F811
    def broken():
        yield SOUND[:100_000]
        raise Transient("store: away")

    with pytest.raises(Transient, match="store: away"):
        transcriber.ask(
            settings(standins.url), broken(), size_bytes=len(SOUND), content_type="audio/x-wav", length_s=10
        )
    assert heard(standins) == []


def test_the_deadline_follows_the_sound_and_stays_below_the_watchdogs():
    assert transcriber.deadline_s(0) == 60
    assert transcriber.deadline_s(120) == 120
    assert transcriber.deadline_s(7_200) == 780


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
_SEGMENT = st.dictionaries(st.sampled_from(["start", "end", "text", "avg_logprob"]), _ANY) | _ANY


@given(
    st.dictionaries(st.sampled_from(["text", "language"]), st.text(max_size=40) | _ANY, max_size=2),
    st.lists(_SEGMENT, max_size=4) | _ANY,
)
def test_whatever_an_engine_answers_is_words_that_can_be_kept_or_unreadable(told, segments):
    body = BytesIO(json.dumps({**told, "segments": segments}).encode())
    answer: Any = SimpleNamespace(status_code=200, headers={}, raw=body)
    try:
        words = transcriber._words(answer, math.inf)
    except Unreadable:
        assert not isinstance(told.get("text"), str)
        return
    assert words.confidence is None or 0 <= words.confidence <= 1
    kept = json.dumps({"text": words.text, "language": words.language, "segments": words.segments}, allow_nan=False)
    assert "\\u0000" not in kept
    words.text.encode()  # no half of a surrogate pair


def test_confidence_is_between_0_and_1_or_unknown():
    def confidence(*rated):
        return transcriber._confidence([{"start": 0, "end": end, "avg_logprob": given} for end, given in rated])

    assert confidence((1, 0.5)) == 1.0
    assert confidence((1, -1e9 + 1)) == 0.0
    assert confidence((1, -0.1), (3, -0.3)) == pytest.approx(math.exp(-0.25))
    assert confidence((1, None)) is confidence() is confidence((0, -0.1)) is confidence((1, math.nan)) is None
