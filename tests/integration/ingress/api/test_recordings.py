"""Recordings through the API, with their sound in a real S3."""

import hashlib
import time
from io import BytesIO
from typing import Any

import jwt
import pytest

from shared.db import recordings
from shared.domain.sound import Digest
from shared.runtime import Runtime
from shared.store.s3 import S3Store

from .conftest import ACCOUNT_SID, CALL_SID, TENANT, Api, a_call, application, new_key, user_token

RE = "RE" + "3" * 32
SOUND = bytes(range(256)) * 1024  # 256 KiB: more than one chunk
ETAG = f'"{hashlib.sha256(SOUND).hexdigest()}"'


def announced(rt: Runtime, state: Any = "available", recording_sid: str = RE, call_sid: str = CALL_SID) -> None:
    with rt.db.connection() as conn:
        recordings.announce(
            conn, recording_sid=recording_sid, call_sid=call_sid, account_sid=ACCOUNT_SID, state=state, duration_s=7
        )


def stored(rt: Runtime, recording_sid: str = RE, content_type: str = "audio/wav") -> None:
    announced(rt, recording_sid=recording_sid)
    with rt.db.connection() as conn:
        assert recordings.mark_stored(
            conn, recording_sid, object_key=f"recordings/{recording_sid}", sound=sound_of(SOUND, content_type)
        )


def sound_of(content: bytes, content_type: str = "audio/wav"):
    digest = Digest()
    digest.update(content)
    return digest.sound(content_type)


@pytest.fixture
def listener(rt: Runtime, s3: Any) -> Api:
    """A client of a service whose bucket holds the sound of RE."""
    chosen = {
        "s3_endpoint_url": s3.endpoint_url, "s3_bucket": s3.name, "s3_region": s3.region,
        "s3_access_key_id": s3.access_key_id, "s3_secret_access_key": s3.secret_access_key,
    }  # fmt: skip
    app = application(rt, **chosen)
    from dataclasses import replace

    S3Store(replace(rt.settings, **chosen)).put(f"recordings/{RE}", BytesIO(SOUND), sound_of(SOUND))
    return Api(app.test_client(), new_key(rt).text)


PATHS = (f"/api/recordings/{RE}", f"/api/calls/{CALL_SID}/recording")


@pytest.mark.parametrize("path", PATHS)
def test_what_is_known_of_a_recording_is_json(api: Api, rt: Runtime, path: str):
    a_call(rt)
    stored(rt)
    told = api.get(path).get_json()
    assert (told["recording_sid"], told["call_sid"], told["state"]) == (RE, CALL_SID, "stored")
    assert (told["duration_s"], told["content_type"], told["size_bytes"]) == (7, "audio/wav", len(SOUND))
    assert f'"{told["sha256"]}"' == ETAG
    assert told["media_url"] == f"/api/recordings/{RE}?media=1"


@pytest.mark.parametrize("path", PATHS)
def test_the_sound_comes_from_the_store(listener: Api, rt: Runtime, path: str):
    a_call(rt)
    stored(rt)
    answer = listener.get(path + "?media=1")
    assert (answer.status_code, answer.data) == (200, SOUND)
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["Content-Length"] == str(len(SOUND))
    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Disposition"] == f'inline; filename="{RE}.wav"'
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize(
    ("accept", "is_sound"),
    [
        ("audio/*", True),
        ("audio/webm,audio/ogg,audio/wav,audio/*;q=0.9,application/ogg;q=0.7,video/*;q=0.6,*/*;q=0.5", True),
        ("audio/mpeg, application/json;q=0.1", True),
        ("*/*", False),
        ("application/json", False),
        ("application/json, audio/*;q=0.5", False),
    ],
)
def test_who_prefers_sound_gets_sound(listener: Api, rt: Runtime, accept: str, is_sound: bool):
    stored(rt)
    answer = listener.get(f"/api/recordings/{RE}", headers={"Accept": accept})
    assert answer.mimetype == ("audio/wav" if is_sound else "application/json")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-9", 0, 9),
        ("bytes=100000-", 100_000, len(SOUND) - 1),
        ("bytes=-10", len(SOUND) - 10, len(SOUND) - 1),
        ("bytes=5-99999999", 5, len(SOUND) - 1),
    ],
)
def test_a_range_of_the_sound_is_206(listener: Api, rt: Runtime, asked: str, first: int, last: int):
    stored(rt)
    answer = listener.get(f"/api/recordings/{RE}?media=1", headers={"Range": asked})
    assert (answer.status_code, answer.data) == (206, SOUND[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(SOUND)}"
    assert answer.headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("headers", [
    {"Range": "bytes=0-1,5-6"}, {"Range": "lines=1-2"}, {"Range": "bytes=9-5"}, {"Range": "nonsense"},
    {"Range": "bytes=0-9", "If-Range": '"an older one"'},
])  # fmt: skip
def test_what_is_no_single_range_of_this_object_gets_the_whole(listener: Api, rt: Runtime, headers: dict[str, str]):
    stored(rt)
    answer = listener.get(f"/api/recordings/{RE}?media=1", headers=headers)
    assert (answer.status_code, len(answer.data)) == (200, len(SOUND))


def test_a_range_of_this_very_object_is_given(listener: Api, rt: Runtime):
    stored(rt)
    answer = listener.get(f"/api/recordings/{RE}?media=1", headers={"Range": "bytes=0-9", "If-Range": ETAG})
    assert (answer.status_code, answer.data) == (206, SOUND[:10])


def test_a_range_behind_the_end_is_416(listener: Api, rt: Runtime):
    stored(rt)
    answer = listener.get(f"/api/recordings/{RE}?media=1", headers={"Range": f"bytes={len(SOUND)}-"})
    assert (answer.status_code, answer.mimetype) == (416, "application/problem+json")
    assert answer.headers["Content-Range"] == f"bytes */{len(SOUND)}"


def test_who_has_it_already_is_told_so(listener: Api, rt: Runtime):
    stored(rt)
    answer = listener.get(f"/api/recordings/{RE}?media=1", headers={"If-None-Match": ETAG})
    assert (answer.status_code, answer.data) == (304, b"")


def test_head_tells_the_size_and_does_not_ask_the_store(api: Api, rt: Runtime):
    stored(rt)
    answer = api.client.head(f"/api/recordings/{RE}?media=1", headers={"Authorization": f"Bearer {api.key}"})
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(SOUND)))


def test_what_is_no_sound_is_not_shown_as_a_page_of_ours(listener: Api, rt: Runtime):
    stored(rt, content_type="text/html")
    answer = listener.get(f"/api/recordings/{RE}?media=1")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("state", "status", "retry_after"),
    [("announced", 409, "5"), ("available", 409, "5"), ("absent", 404, None), ("failed", 404, None)],
)
def test_sound_that_is_not_here_says_whether_to_come_back(
    api: Api, rt: Runtime, state: str, status: int, retry_after: str | None
):
    announced(rt, state)
    answer = api.get(f"/api/recordings/{RE}?media=1")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, retry_after)
    assert api.get(f"/api/recordings/{RE}").get_json()["state"] == state


def test_deleted_sound_is_gone(api: Api, rt: Runtime):
    stored(rt)
    with rt.db.connection() as conn:
        recordings.advance(conn, RE, "deleted")
    assert api.get(f"/api/recordings/{RE}?media=1").status_code == 410


def test_a_store_that_is_away_is_503_and_not_half_an_answer(rt: Runtime):
    stored(rt)
    api = Api(application(rt, s3_endpoint_url="http://127.0.0.1:1").test_client(), new_key(rt).text)
    answer = api.get(f"/api/recordings/{RE}?media=1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_an_object_that_is_gone_from_the_store_is_503(listener: Api, rt: Runtime):
    stored(rt, recording_sid="RE" + "4" * 32)
    assert listener.get(f"/api/recordings/RE{'4' * 32}?media=1").status_code == 503


def test_an_object_of_another_size_is_not_passed_off_as_the_recording(listener: Api, rt: Runtime):
    announced(rt)
    with rt.db.connection() as conn:
        recordings.mark_stored(conn, RE, object_key=f"recordings/{RE}", sound=sound_of(SOUND + b"x"))
    assert listener.get(f"/api/recordings/{RE}?media=1").status_code == 503


def test_listeners_hold_at_most_half_of_the_threads_and_give_their_seat_back(listener: Api, rt: Runtime):
    stored(rt)
    headers = {"Authorization": f"Bearer {listener.key}"}
    path = f"/api/recordings/{RE}?media=1"
    open_answers = [listener.client.get(path, headers=headers, buffered=False) for _ in range(4)]
    refused = listener.client.get(path, headers=headers)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    for answer in open_answers:
        answer.close()
    assert listener.client.get(path, headers=headers).data == SOUND


def test_a_store_that_is_away_costs_no_seat(rt: Runtime):
    stored(rt)
    api = Api(application(rt, s3_endpoint_url="http://127.0.0.1:1", web_threads=2).test_client(), new_key(rt).text)
    told = [api.get(f"/api/recordings/{RE}?media=1").get_json()["type"] for _ in range(3)]
    assert told == ["/problems/recording-store-unavailable"] * 3


def test_of_several_recordings_the_newest_stored_one_is_the_calls(api: Api, rt: Runtime):
    a_call(rt)
    for sid in ("RE" + "1" * 32, "RE" + "2" * 32):
        stored(rt, recording_sid=sid)
    announced(rt, recording_sid="RE" + "5" * 32)
    assert api.get(f"/api/calls/{CALL_SID}/recording").get_json()["recording_sid"] == "RE" + "2" * 32


def test_a_call_without_a_recording_and_a_recording_without_a_row_are_404(api: Api, rt: Runtime):
    a_call(rt)
    assert api.get(f"/api/calls/{CALL_SID}/recording").status_code == 404
    assert api.get(f"/api/calls/CA{'9' * 32}/recording").status_code == 404
    assert api.get(f"/api/recordings/{RE}").status_code == 404


def test_a_wrong_choice_is_refused(api: Api):
    assert api.get(f"/api/recordings/{RE}?media=yes").status_code == 422


# --- the platform's users ---


@pytest.mark.parametrize("path", PATHS)
def test_a_tenants_user_may_listen(listener: Api, rt: Runtime, path: str):
    a_call(rt)
    stored(rt)
    assert listener.get(path + "?media=1", headers=user_token()).data == SOUND


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("suffix", ["", "?media=1"])
def test_another_tenants_recording_does_not_exist_for_a_user(api: Api, rt: Runtime, path: str, suffix: str):
    a_call(rt)
    stored(rt)
    foreign = api.get(path + suffix, headers=user_token("another-tenant"))
    assert foreign.status_code == 404
    absent = api.get(f"/api/recordings/RE{'8' * 32}", headers=user_token("another-tenant"))
    assert {**foreign.get_json(), "instance": ""} == {**absent.get_json(), "instance": ""}


def test_a_recording_of_nobodys_call_is_no_users(api: Api, rt: Runtime):
    a_call(rt, tenant_id=None)
    stored(rt)
    assert api.get(PATHS[0], headers=user_token()).status_code == 404
    announced(rt, recording_sid="RE" + "6" * 32, call_sid="CA" + "6" * 32)
    assert api.get(f"/api/recordings/RE{'6' * 32}", headers=user_token()).status_code == 404


def test_an_expired_token_is_401(api: Api, rt: Runtime):
    stored(rt)
    answer = api.get(PATHS[0], headers=user_token(exp=time.time() - 3600))
    assert (answer.status_code, 'error="invalid_token"' in answer.headers["WWW-Authenticate"]) == (401, True)


def test_a_users_token_opens_calls_and_recordings_only(api: Api, rt: Runtime):
    a_call(rt)
    for path in ("/api/sms", f"/api/events?sid={CALL_SID}"):
        assert api.get(path, headers=user_token()).status_code == 401


def test_without_a_jwt_secret_no_token_opens_anything(rt: Runtime):
    a_call(rt)
    stored(rt)
    client = application(rt, jwt_secret="").test_client()
    assert client.get(PATHS[0], headers=user_token()).status_code == 401
    unsigned = jwt.encode({"user_id": "u", "tenant_id": TENANT}, "", algorithm="none")
    assert client.get(PATHS[0], headers={"Authorization": f"Bearer {unsigned}"}).status_code == 401
