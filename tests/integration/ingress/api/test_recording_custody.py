"""Who hears what of a recording: damage, links, tenants, the audit, pictures; over a real S3 and a real disk."""

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
import requests
import time_machine
from werkzeug.serving import make_server

from shared.db import api_keys, audit, recordings
from shared.domain.sound import BLOCK_BYTES, Digest
from shared.errors import Damaged
from shared.runtime import Runtime
from shared.settings import Settings
from shared.store import open_store
from shared.store.s3 import S3Store

from .conftest import ACCOUNT_SID, CALL_SID, TENANT, Api, a_call, application, new_key, user_token

RE, KEY = "RE" + "3" * 32, "recordings/t/2026/01/01/RE3.wav"
SOUND = b"".join(bytes([number]) * BLOCK_BYTES for number in range(3)) + b"the end"
UNKNOWN = "RE" + "8" * 32


def digested(content: bytes):
    digest = Digest()
    digest.update(content)
    return digest.sound("audio/wav")


def announced(rt: Runtime, sid: str = RE, call_sid: str = CALL_SID) -> None:
    with rt.db.connection() as conn:
        recordings.announce(
            conn, recording_sid=sid, call_sid=call_sid, account_sid=ACCOUNT_SID, state="available", duration_s=7
        )


def stored(rt: Runtime, sid: str = RE, call_sid: str = CALL_SID, key: str = KEY) -> None:
    announced(rt, sid, call_sid)
    with rt.db.connection() as conn:
        assert recordings.mark_stored(conn, sid, object_key=key, sound=digested(SOUND))


@dataclass
class House:
    """A service whose bucket holds a recording of TENANT."""

    api: Api
    settings: Settings
    chosen: dict[str, Any]

    def plant(self, content: bytes) -> None:
        """Other content in the place of the recording, behind our back."""
        client = S3Store(self.settings).client
        client.put_object(Bucket=self.settings.s3_bucket, Key=KEY, Body=content)


@pytest.fixture
def house(rt: Runtime, s3: Any) -> House:
    chosen = {
        "s3_endpoint_url": s3.endpoint_url, "s3_bucket": s3.name, "s3_region": s3.region, "s3_encryption": "off",
        "s3_access_key_id": s3.access_key_id, "s3_secret_access_key": s3.secret_access_key,
    }  # fmt: skip
    settings = replace(rt.settings, **chosen)
    a_call(rt)
    stored(rt)
    S3Store(settings).put(KEY, BytesIO(SOUND), digested(SOUND))
    return House(Api(application(rt, **chosen).test_client(), new_key(rt).text), settings, chosen)


def bound_key(rt: Runtime, tenant: str = TENANT) -> str:
    key = new_key(rt)
    with rt.db.connection() as conn:
        conn.execute("update api_keys set tenant_id = %s where id = %s", (tenant, key.key_id))
        assert api_keys.find(conn, key.key_id).tenant_id == tenant  # pyright: ignore[reportOptionalMemberAccess]
    return key.text


def entries(rt: Runtime, subject: str = RE) -> list[tuple[str, str, str | None, dict[str, Any]]]:
    with rt.db.connection() as conn:
        return [(row.actor, row.action, row.purpose, row.detail) for row in audit.of_subject(conn, subject)]


def flipped(at: int) -> bytes:
    content = bytearray(SOUND)
    content[at] ^= 1
    return bytes(content)


# --- damage ---


@pytest.mark.parametrize("at", [0, BLOCK_BYTES - 1])
def test_a_flipped_bit_in_the_first_block_is_503_and_alarms(house: House, rt: Runtime, at: int):
    house.plant(flipped(at))
    told = house.api.get(f"/api/recordings/{RE}?media=1")
    assert (told.status_code, told.get_json()["type"]) == (503, "/problems/recording-damaged")
    with rt.db.connection() as conn:
        alarms = conn.execute("select source from alerts where resource_sid = %s", (RE,)).fetchall()
        again = conn.execute("select state from jobs where kind = 'recording.fetch' and ref = %s", (RE,)).fetchall()
    assert (alarms, again) == ([("recording-damaged",)], [("due",)])
    assert house.api.get(f"/api/recordings/{RE}").get_json()["damage"] == "changed"


@pytest.mark.parametrize("block", [1, 2, 3])
def test_sound_breaks_off_before_a_bad_block(house: House, rt: Runtime, block: int):
    house.plant(flipped(block * BLOCK_BYTES))
    answer = house.api.client.get(
        f"/api/recordings/{RE}?media=1", headers={"Authorization": f"Bearer {house.api.key}"}, buffered=False
    )
    got: list[bytes] = []
    with pytest.raises(Damaged):
        got.extend(answer.iter_encoded())
    answer.close()
    assert b"".join(got) == SOUND[: block * BLOCK_BYTES]
    assert house.api.get(f"/api/recordings/{RE}?media=1").status_code == 503


@pytest.mark.parametrize("length", [0, 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 5, len(SOUND) - 1])
def test_a_truncated_object_is_never_passed_off_as_the_whole(house: House, length: int):
    house.plant(SOUND[:length])
    assert house.api.get(f"/api/recordings/{RE}?media=1").status_code == 503


@pytest.mark.parametrize("first", [0, 5, BLOCK_BYTES - 3, BLOCK_BYTES, 2 * BLOCK_BYTES + 7, len(SOUND) - 7])
def test_ranges_across_blocks_are_what_was_stored(house: House, first: int):
    for length in (1, 7, BLOCK_BYTES + 1):
        last = min(first + length, len(SOUND)) - 1
        answer = house.api.get(f"/api/recordings/{RE}?media=1", headers={"Range": f"bytes={first}-{last}"})
        assert (answer.status_code, answer.data) == (206, SOUND[first : last + 1])


def test_a_range_beside_the_damage_is_heard_and_one_in_it_is_not(house: House):
    house.plant(flipped(BLOCK_BYTES + 5))
    path = f"/api/recordings/{RE}?media=1"
    assert house.api.get(path, headers={"Range": "bytes=0-9"}).data == SOUND[:10]
    assert house.api.get(path, headers={"Range": f"bytes={BLOCK_BYTES}-{BLOCK_BYTES}"}).status_code == 503


@pytest.mark.parametrize("state", ["available", "fetched", "verified"])
def test_nothing_half_stored_is_served(house: House, rt: Runtime, state: Any):
    sid = "RE" + "5" * 32
    announced(rt, sid)
    with rt.db.connection() as conn:
        recordings.advance(conn, sid, state)
    assert house.api.get(f"/api/recordings/{sid}?media=1").status_code == 409


def test_from_the_moment_that_its_deletion_is_asked_for_nobody_hears_it(house: House, rt: Runtime):
    with rt.db.connection() as conn:
        conn.execute(
            "insert into recording_deletions (recording_sid, reason, asked_by) values (%s, 'request', 'me')", (RE,)
        )
    for rest in ("?media=1", "?download=1", "?media=1&delivery=link", "/waveform"):
        assert house.api.get(f"/api/recordings/{RE}{rest}").status_code == 410
    assert house.api.get(f"/api/recordings/{RE}").get_json()["media_url"] is None


def test_sound_of_before_blocks_were_hashed_is_checked_whole(house: House, rt: Runtime):
    with rt.db.connection() as conn:
        conn.execute("update recordings set blocks = null")
    path, part = f"/api/recordings/{RE}?media=1", {"Range": "bytes=0-9"}
    assert house.api.get(path, headers=part).data == SOUND[:10]
    house.plant(flipped(len(SOUND) - 1))
    assert house.api.get(path, headers=part).status_code == 503


# --- over a real connection ---


def listening(rt: Runtime, house: House, ask: Callable[[str], None]) -> None:
    app = application(rt, **house.chosen, web_threads=2)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        ask(f"http://127.0.0.1:{server.server_port}/api/recordings/{RE}?media=1")
    finally:
        server.shutdown()
        thread.join()


def test_a_client_can_tell_that_damaged_sound_is_not_whole(house: House, rt: Runtime):
    house.plant(flipped(2 * BLOCK_BYTES))

    def ask(url: str) -> None:
        with pytest.raises(requests.exceptions.RequestException):
            _ = requests.get(url, headers={"Authorization": f"Bearer {house.api.key}"}, timeout=20).content

    listening(rt, house, ask)


# --- links ---


def test_a_link_of_s3_plays_for_whoever_has_it(house: House):
    answer = house.api.get(f"/api/recordings/{RE}?media=1&delivery=link")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (307, "no-store")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    got = requests.get(answer.headers["Location"], timeout=20)
    assert (got.content, got.headers["Content-Type"]) == (SOUND, "audio/wav")
    assert RE in got.headers["Content-Disposition"]


def test_a_link_of_s3_ends_after_the_set_time(house: House):
    """It was given so long ago."""
    for seconds, status in ((house.settings.recording_link_s - 30, 200), (house.settings.recording_link_s + 1, 403)):
        with time_machine.travel(datetime.now(UTC) - timedelta(seconds=seconds), tick=True):
            answer = house.api.get(f"/api/recordings/{RE}?media=1&delivery=link")
        assert requests.get(answer.headers["Location"], timeout=20).status_code == status


@pytest.mark.parametrize("way", ["media=1&delivery=link", "download=1&delivery=link"])
def test_what_a_link_leads_to_is_a_file_to_keep_whichever_was_asked_for(house: House, way: str):
    """A link is followed by whoever has it, and an address that plays in a page gives away more than one that is saved."""
    answer = house.api.get(f"/api/recordings/{RE}?{way}")
    got = requests.get(answer.headers["Location"], timeout=20)
    assert got.headers["Content-Disposition"] == f'attachment; filename="{RE}.wav"'
    assert got.headers["Cache-Control"] == "private, no-store"


@pytest.fixture
def disk(rt: Runtime, tmp_path: Path) -> Api:
    chosen: dict[str, Any] = {
        "recording_store": "disk", "recording_dir": str(tmp_path), "recording_keys": {"a": bytes(32)},
        "recording_delivery": "link",
    }  # fmt: skip
    a_call(rt)
    stored(rt)
    open_store(replace(rt.settings, **chosen)).put(KEY, BytesIO(SOUND), digested(SOUND))
    return Api(application(rt, **chosen).test_client(), new_key(rt).text)


def linked(disk: Api) -> str:
    return urlsplit(disk.get(f"/api/recordings/{RE}?media=1").headers["Location"]).path


def test_a_link_of_the_disk_plays_without_a_key(disk: Api, rt: Runtime):
    answer = disk.client.get(linked(disk), headers={"Range": "bytes=5-9"})
    assert (answer.status_code, answer.data) == (206, SOUND[5:10])
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert [entry[:2] for entry in entries(rt)] == [("crm", "recording.heard"), ("link", "recording.heard")]


def test_an_expired_or_altered_link_is_404(disk: Api):
    path = linked(disk)
    raw = bytearray(base64.urlsafe_b64decode(path.rpartition("/")[2] + "=="))
    raw[40] ^= 1
    altered = "/api/media/" + base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61), tick=True):
        assert disk.client.get(path).status_code == 404
    assert {disk.client.get(each).status_code for each in (altered, path[:-1], "/api/media/x")} == {404}
    answer = disk.client.get(path)
    assert (answer.status_code, answer.headers["Content-Disposition"]) == (200, f'attachment; filename="{RE}.wav"')


def test_a_head_leads_to_no_link(disk: Api):
    answer = disk.client.head(f"/api/recordings/{RE}?media=1", headers={"Authorization": f"Bearer {disk.key}"})
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(SOUND)))


# --- tenants ---

RESTS = ("", "?media=1", "?download=1", "?media=1&delivery=link", "/waveform", "/waveform?format=png")
PATHS = [f"/api/recordings/{RE}{rest}" for rest in RESTS] + [
    f"/api/calls/{CALL_SID}/recording{rest}" for rest in RESTS[:4]
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("by", ["key", "token"])
def test_another_tenants_recording_is_as_one_that_never_was(house: House, rt: Runtime, path: str, by: str):
    headers = {"Authorization": f"Bearer {bound_key(rt, 'other')}"} if by == "key" else user_token("other")
    foreign = house.api.get(path, headers=headers)
    unknown = house.api.get(path.replace(RE, UNKNOWN).replace(CALL_SID, "CA" + "8" * 32), headers=headers)
    assert foreign.status_code == 404
    assert {**foreign.get_json(), "instance": ""} == {**unknown.get_json(), "instance": ""}
    assert entries(rt) == []


def test_lists_leave_out_what_is_another_tenants(house: House, rt: Runtime):
    headers = {"Authorization": f"Bearer {bound_key(rt, 'other')}"}
    for query in ("", f"?tenant_id={TENANT}", f"?call_sid={CALL_SID}"):
        assert house.api.get(f"/api/recordings{query}", headers=headers).get_json()["data"] == []
    assert house.api.get(f"/api/calls/{CALL_SID}/recordings", headers=headers).status_code == 404
    assert house.api.get("/api/calls", headers=headers).get_json()["data"] == []
    assert house.api.get(f"/api/calls/{CALL_SID}", headers=headers).status_code == 404


def test_a_bound_key_hears_its_tenant_and_nothing_of_nobody(house: House, rt: Runtime):
    headers = {"Authorization": f"Bearer {bound_key(rt)}"}
    assert house.api.get(f"/api/recordings/{RE}?media=1", headers=headers).data == SOUND
    stored(rt, "RE" + "6" * 32, "CA" + "6" * 32, "k6")
    assert house.api.get(f"/api/recordings/RE{'6' * 32}", headers=headers).status_code == 404
    assert house.api.get(f"/api/recordings/RE{'6' * 32}").status_code == 200


@pytest.mark.parametrize("path", ["/api/sms", "/api/numbers", f"/api/events?sid={CALL_SID}", "/api/senders"])
def test_a_bound_key_opens_nothing_that_does_not_look_at_tenants(house: House, rt: Runtime, path: str):
    answer = house.api.get(path, headers={"Authorization": f"Bearer {bound_key(rt)}"})
    assert (answer.status_code, answer.get_json()["type"]) == (403, "/problems/tenant-bound-key")


# --- lists ---


def test_a_legs_recording_belongs_to_the_call(house: House, rt: Runtime):
    leg, sid = "CA" + "2" * 32, "RE" + "2" * 32
    a_call(rt, call_sid=leg, tenant_id=None, parent_call_sid=CALL_SID)
    stored(rt, sid, leg, "k2")
    found = house.api.get(f"/api/calls/{CALL_SID}/recordings", headers=user_token()).get_json()["data"]
    assert {row["recording_sid"] for row in found} == {RE, sid}
    assert not any({"account_sid", "object_key"} & row.keys() for row in found)


def test_pages_hold_each_recording_once(house: House, rt: Runtime):
    for number in range(4):
        announced(rt, f"RE{number:032d}")
    path, seen = "/api/recordings?limit=2", []
    while path:
        page = house.api.get(path).get_json()
        seen += [row["recording_sid"] for row in page["data"]]
        path = f"/api/recordings?limit=2&cursor={page['next_cursor']}" if page["has_more"] else ""
    assert sorted(seen) == sorted([RE, *(f"RE{number:032d}" for number in range(4))])
    found = house.api.get("/api/recordings?state=stored&damaged=false").get_json()["data"]
    assert [row["recording_sid"] for row in found] == [RE]


# --- the audit ---


def test_every_read_is_written_down_with_its_actor_and_purpose(house: House, rt: Runtime):
    path = f"/api/recordings/{RE}"
    house.api.get(f"{path}?purpose=complaint%207")
    house.api.get(f"{path}?media=1", headers={"X-Purpose": "quality", "Range": "bytes=3-4"})
    house.api.get(f"{path}?media=1&delivery=link", headers=user_token())
    house.api.get(f"{path}/waveform")
    assert entries(rt) == [
        ("crm", "recording.read", "complaint 7", {}),
        ("crm", "recording.heard", "quality", {"part": "range", "first": 3, "last": 4}),
        ("user:u-1", "recording.heard", None, {"part": "link"}),
        ("crm", "recording.pictured", None, {"refused": "recording-without-waveform"}),
    ]


def test_a_purpose_that_nobody_can_read_is_422(house: House, rt: Runtime):
    for told in ("%00", "a%0Ab", "x" * 201, "%20"):
        assert house.api.get(f"/api/recordings/{RE}?media=1&purpose={told}").status_code == 422
    assert house.api.get(f"/api/recordings/{RE}", headers={"X-Purpose": "x" * 201}).status_code == 422
    assert entries(rt) == []


def test_what_cannot_be_written_down_is_not_heard(house: House, rt: Runtime):
    with rt.db.connection() as conn:
        conn.execute("alter table audit add constraint full_up check (id < 0)")
    for rest in RESTS:
        assert house.api.get(f"/api/recordings/{RE}{rest}").status_code == 503


# --- pictures and files ---


def test_the_picture_is_svg_or_png(house: House, rt: Runtime):
    with rt.db.connection() as conn:
        recordings.keep_waveform(conn, RE, channels=2, peaks=bytes(range(200)))
    path = f"/api/recordings/{RE}/waveform"
    svg = house.api.get(path)
    assert (svg.mimetype, ElementTree.fromstring(svg.data).get("role")) == ("image/svg+xml", "img")
    assert house.api.get(path, headers={"If-None-Match": svg.headers["ETag"]}).status_code == 304
    png = house.api.get(f"{path}?width=300&height=50", headers={"Accept": "image/png"})
    assert (png.mimetype, png.data[:4]) == ("image/png", b"\x89PNG")
    assert house.api.get(f"{path}?width=100000").status_code == 422
    assert house.api.get(f"/api/recordings/{RE}").get_json()["waveform_url"] == path


@pytest.mark.parametrize(("content_type", "word"), [("audio/mpeg", "MP3"), ("audio/wav", "not been drawn")])
def test_why_there_is_no_picture_is_told(house: House, rt: Runtime, content_type: str, word: str):
    with rt.db.connection() as conn:
        conn.execute("update recordings set content_type = %s", (content_type,))
    for rest in ("", "?format=png"):
        told = house.api.get(f"/api/recordings/{RE}/waveform{rest}")
        problem = told.get_json()
        assert (told.status_code, problem["type"]) == (404, "/problems/recording-without-waveform")
        assert word in problem["detail"]
    assert house.api.get(f"/api/recordings/{RE}").get_json()["waveform_url"] is None


def test_a_download_is_a_file_to_keep(house: House):
    answer = house.api.get(f"/api/recordings/{RE}?download=1")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{RE}.wav"'
    assert answer.data == SOUND
