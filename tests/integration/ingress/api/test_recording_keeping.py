"""Retention classes, legal holds and deletions over HTTP: who may do what, what is written down, what is heard afterwards."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from shared.db import api_keys, audit, recording_deletions, recording_receipts, recordings
from shared.domain.api_key import SCOPES
from shared.domain.sound import Digest
from shared.runtime import Runtime
from shared.store import open_store

from .conftest import ACCOUNT_SID, CALL_SID, TENANT, Api, a_call, application, new_key, user_token

RE, LEG, LEGS, NOBODYS = ("RE" + digit * 32 for digit in "3456")
LEG_CALL, STRAY_CALL = "CA" + "2" * 32, "CA" + "9" * 32
UNKNOWN = "RE" + "8" * 32
SOUND = bytes(range(256)) * 64
DAYS = {"keep_days": 30, "twilio_days": 0}


@dataclass
class Shelf:
    """A service whose disk holds a recording of TENANT, one of a leg of the same call, and one that is nobody's."""

    api: Api
    rt: Runtime

    def stored(self, sid: str, call_sid: str) -> None:
        digest = Digest()
        digest.update(SOUND)
        key, sound = f"recordings/t/{sid}.wav", digest.sound("audio/wav")
        open_store(self.rt.settings).put(key, BytesIO(SOUND), sound)
        with self.rt.db.connection() as conn:
            recordings.announce(
                conn, recording_sid=sid, call_sid=call_sid, account_sid=ACCOUNT_SID, state="available", duration_s=1
            )
            recordings.mark_stored(conn, sid, object_key=key, sound=sound)
            recordings.keep_waveform(conn, sid, channels=1, peaks=bytes(10))

    def bound(self, tenant: str = TENANT, client: str = "crm") -> dict[str, str]:
        key = new_key(self.rt, client=client)
        with self.rt.db.connection() as conn:
            conn.execute("update api_keys set tenant_id = %s where id = %s", (tenant, key.key_id))
            assert api_keys.find(conn, key.key_id)
        return {"Authorization": f"Bearer {key.text}"}

    def written(self, subject: str) -> list[tuple[str, str, str | None, dict[str, Any]]]:
        with self.rt.db.connection() as conn:
            return [(row.actor, row.action, row.tenant_id, row.detail) for row in audit.of_subject(conn, subject)]

    def count(self, query: Any) -> int:
        with self.rt.db.connection() as conn:
            row = conn.execute(query).fetchone()
        assert row is not None
        return row[0]

    def deleted(self, sid: str = RE) -> None:
        """What the worker leaves behind; tests of workers show that it does."""
        with self.rt.db.connection() as conn:
            recording_deletions.begin(conn, sid)
            recording_receipts.keep(conn, sid, "twilio", {"answered": "deleted"})
            recording_receipts.keep(conn, sid, "store", {"files": 1}, object_key="recordings/t")
            recording_deletions.finish(conn, sid)
            recordings.advance(conn, sid, "deleted")


@pytest.fixture
def shelf(rt: Runtime, tmp_path: Path) -> Shelf:
    chosen: dict[str, Any] = {
        "recording_store": "disk", "recording_dir": str(tmp_path), "recording_keys": {"a": bytes(32)},
        "recording_keep_days": 365, "twilio_recording_days": None,
    }  # fmt: skip
    a_call(rt)
    a_call(rt, call_sid=LEG_CALL, tenant_id=None, parent_call_sid=CALL_SID)
    made = Shelf(
        Api(application(rt, **chosen).test_client(), new_key(rt).text),
        Runtime(replace(rt.settings, **chosen), rt.db, rt.redis),
    )
    made.stored(RE, CALL_SID)
    made.stored(LEG, LEG_CALL)
    made.stored(NOBODYS, STRAY_CALL)
    return made


# --- who may what ---

Ask = Callable[..., TestResponse]
READS = [
    ("GET", f"/api/retention/call?tenant_id={TENANT}", None),
    ("GET", f"/api/recordings/{RE}/deletion", None),
    ("GET", "/api/holds", None),
]
CHANGES: list[tuple[str, str, Any]] = [
    ("PUT", f"/api/retention/call?tenant_id={TENANT}", DAYS),
    ("DELETE", f"/api/retention/call?tenant_id={TENANT}", None),
    ("PUT", f"/api/recordings/{RE}/retention", {"class": "evidence"}),
    ("POST", f"/api/recordings/{RE}/hold", {"reason": "a case"}),
    ("POST", "/api/holds", {"call_sid": CALL_SID, "reason": "a case"}),
    ("DELETE", f"/api/holds/{uuid4()}", None),
    ("DELETE", f"/api/recordings/{RE}", None),
]


def asked(shelf: Shelf, what: tuple[str, str, Any], **kwargs: Any) -> TestResponse:
    method, path, body = what
    return {"GET": shelf.api.get, "PUT": shelf.api.put, "POST": shelf.api.post, "DELETE": shelf.api.delete}[method](
        path, **({} if body is None else {"json": body}), **kwargs
    )


@pytest.mark.parametrize(
    ("what", "scope"),
    [(read, "recordings:read") for read in READS] + [(change, "recordings:delete") for change in CHANGES],
)
def test_each_needs_its_scope_and_no_other(shelf: Shelf, what: tuple[str, str, Any], scope: str):
    with_all_others = {"Authorization": f"Bearer {new_key(shelf.rt, scopes=SCOPES - {scope}).text}"}
    refused = asked(shelf, what, headers=with_all_others)
    assert (refused.status_code, refused.get_json()["scope"]) == (403, scope)
    with_it = {"Authorization": f"Bearer {new_key(shelf.rt, scopes={scope}).text}"}
    assert asked(shelf, what, headers=with_it).status_code not in (401, 403)
    assert shelf.api.client.open(what[1], method=what[0], json=what[2]).status_code == 401


@pytest.mark.parametrize("what", CHANGES)
def test_a_user_of_the_platform_changes_nothing(shelf: Shelf, what: tuple[str, str, Any]):
    answer = asked(shelf, what, headers=user_token())
    assert (answer.status_code, answer.get_json()["type"]) == (403, "/problems/key-needed")
    assert shelf.count("select count(*) from audit") == 0


FOREIGN = [
    *READS[:2],
    *CHANGES[:4],
    CHANGES[4],
    ("POST", "/api/holds", {"recording_sid": RE, "reason": "a case"}),
    ("POST", "/api/holds", {"tenant_id": TENANT, "reason": "a case"}),
    CHANGES[6],
]


@pytest.mark.parametrize("what", FOREIGN)
def test_another_tenants_is_as_if_it_never_was(shelf: Shelf, what: tuple[str, str, Any]):
    """Also a class that is set and a deletion that is under way."""
    shelf.api.put(f"/api/retention/call?tenant_id={TENANT}", json=DAYS)
    if what[0] == "GET":
        shelf.api.delete(f"/api/recordings/{RE}")
    before = shelf.count("select count(*) from audit")
    other = shelf.bound("other")
    foreign = asked(shelf, what, headers=other)
    assert foreign.status_code == 404
    method, path, body = what
    swapped = {value: value[:2] + "7" * 32 for value in (RE, CALL_SID)} | {TENANT: "nobody"}
    for value, instead in swapped.items():
        path = path.replace(value, instead)
        body = {name: instead if told == value else told for name, told in body.items()} if body else body
    unknown = asked(shelf, (method, path, body), headers=other)
    assert {**unknown.get_json(), "instance": ""} == {**foreign.get_json(), "instance": ""}
    assert shelf.count("select count(*) from audit") == before


def test_a_bound_key_keeps_deletes_and_holds_what_is_its_tenants(shelf: Shelf):
    bound = shelf.bound()
    for sid in (RE, LEG):  # a leg belongs to whom the call belongs to
        assert shelf.api.put(f"/api/recordings/{sid}/retention", json={"class": "x"}, headers=bound).status_code == 200
        made = shelf.api.post(f"/api/recordings/{sid}/hold", json={"reason": "a case"}, headers=bound)
        assert made.status_code == 201
        assert shelf.api.delete(made.headers["Location"], headers=bound).status_code == 200
        assert shelf.api.delete(f"/api/recordings/{sid}", headers=bound).status_code == 202
        assert {entry[2] for entry in shelf.written(sid)} == {TENANT}
    path = f"/api/retention/call?tenant_id={TENANT}"
    assert shelf.api.put(path, json=DAYS, headers=bound).status_code == 200
    assert shelf.api.get(path, headers=bound).get_json()["keep_days"] == 30


def test_a_bound_key_touches_nothing_of_nobody_or_everybody(shelf: Shelf):
    bound = shelf.bound()
    assert shelf.api.delete(f"/api/recordings/{NOBODYS}", headers=bound).status_code == 404
    assert shelf.api.put("/api/retention/call", json=DAYS, headers=bound).status_code == 404
    assert shelf.api.post("/api/holds", json={"call_sid": STRAY_CALL, "reason": "r"}, headers=bound).status_code == 404
    assert shelf.api.delete(f"/api/recordings/{NOBODYS}").status_code == 202


def test_another_tenants_hold_is_not_lifted(shelf: Shelf):
    made = shelf.api.post(f"/api/recordings/{LEG}/hold", json={"reason": "a case"}).headers["Location"]
    assert shelf.api.delete(made, headers=shelf.bound("other")).status_code == 404
    assert shelf.api.delete("/api/holds/nonsense").status_code == 404
    assert shelf.api.get("/api/holds").get_json()["data"][0]["lifted_at"] is None


# --- classes ---


def test_a_class_is_set_changed_shown_and_removed_with_its_author(shelf: Shelf):
    path = f"/api/retention/voicemail?tenant_id={TENANT}"
    assert shelf.api.get(path).status_code == 404
    for days in (DAYS, {"keep_days": None, "twilio_days": 7}):
        told = shelf.api.put(path, json=days).get_json()
        assert {**told, "changed_at": ""} == {
            "tenant_id": TENANT, "class": "voicemail", **days, "changed_by": "api:crm", "changed_at": "",
        }  # fmt: skip
    assert shelf.api.get(path).get_json() == told
    assert shelf.api.delete(path).get_json() == told
    assert shelf.api.delete(path).status_code == 404
    assert shelf.written("voicemail") == [
        ("api:crm", "retention.changed", TENANT, DAYS),
        ("api:crm", "retention.changed", TENANT, {"keep_days": None, "twilio_days": 7}),
        ("api:crm", "retention.changed", TENANT, {"removed": True}),
    ]


def test_everybodys_class_is_no_tenants(shelf: Shelf):
    assert shelf.api.put("/api/retention/call", json=DAYS).get_json()["tenant_id"] is None
    assert shelf.api.get("/api/retention/call").status_code == 200
    assert shelf.api.get(f"/api/retention/call?tenant_id={TENANT}").status_code == 404


@pytest.mark.parametrize(
    "body",
    [{}, {"keep_days": 1}, {"keep_days": 0, "twilio_days": 0}, {"keep_days": 36_501, "twilio_days": 0},
     {"keep_days": "30", "twilio_days": 0}, {"keep_days": 30, "twilio_days": -1}, {**DAYS, "days": 1}],
)  # fmt: skip
def test_days_that_mean_nothing_are_refused(shelf: Shelf, body: Any):
    assert shelf.api.put("/api/retention/call", json=body).status_code == 422
    assert shelf.count("select count(*) from retention_classes") == 0


def test_a_class_by_hand_counts_until_it_is_taken_back(shelf: Shelf):
    path = f"/api/recordings/{RE}/retention"
    shelf.api.put("/api/retention/evidence", json={"keep_days": None, "twilio_days": 5})
    for _ in range(2):
        told = shelf.api.put(path, json={"class": "evidence"}).get_json()
        assert told == {"recording_sid": RE, "class": "evidence", "keep_days": None, "twilio_days": 5}
    told = shelf.api.put(path, json={"class": None}).get_json()
    assert (told["class"], told["keep_days"], told["twilio_days"]) == ("call", 365, None)
    # The same word twice is one change.
    assert [detail for *_, detail in shelf.written(RE)] == [{"class": "evidence"}, {"class": None}]
    for name in ("", "Big", "1st", "a" * 41, "a b"):
        assert shelf.api.put(path, json={"class": name}).status_code == 422
    assert shelf.api.put(f"/api/recordings/{UNKNOWN}/retention", json={"class": "x"}).status_code == 404


# --- holds ---

SUBJECTS = [("recording_sid", LEG), ("call_sid", CALL_SID), ("call_sid", LEG_CALL), ("tenant_id", TENANT)]


@pytest.mark.parametrize(("subject", "value"), SUBJECTS)
def test_what_is_held_is_not_deleted_and_is_heard(shelf: Shelf, subject: str, value: str):
    made = shelf.api.post("/api/holds", json={subject: value, "reason": "case 7"})
    hold = made.get_json()
    assert (made.status_code, made.headers["Location"]) == (201, f"/api/holds/{hold['id']}")
    refused = shelf.api.delete(f"/api/recordings/{LEG}")
    assert (refused.status_code, refused.get_json()["type"]) == (409, "/problems/legal-hold")
    assert shelf.api.get(f"/api/recordings/{LEG}?media=1").data == SOUND
    assert shelf.count("select count(*) from jobs where kind = 'recording.delete'") == 0
    assert shelf.written(value)[0] == ("api:crm", "recording.held", TENANT, {"hold_id": hold["id"], "reason": "case 7"})
    lifted = shelf.api.delete(made.headers["Location"]).get_json()
    assert lifted["lifted_by"] == "api:crm"
    assert shelf.api.delete(f"/api/recordings/{LEG}").status_code == 202


def test_a_hold_that_is_lifted_twice_was_lifted_once(shelf: Shelf):
    where = shelf.api.post(f"/api/recordings/{RE}/hold", json={"reason": "r"}).headers["Location"]
    again = {"Authorization": f"Bearer {new_key(shelf.rt, client='other').text}"}
    first = shelf.api.delete(where).get_json()
    assert shelf.api.delete(where, headers=again).get_json() == first
    assert [action for _, action, *_ in shelf.written(RE)] == ["recording.held", "recording.hold_lifted"]


def test_one_hold_of_two_is_a_hold(shelf: Shelf):
    first, _second = (
        shelf.api.post(f"/api/recordings/{RE}/hold", json={"reason": reason}).headers["Location"] for reason in "ab"
    )
    shelf.api.delete(first)
    assert shelf.api.delete(f"/api/recordings/{RE}").status_code == 409


@pytest.mark.parametrize(
    "body",
    [{"reason": "r"}, {"recording_sid": RE}, {"recording_sid": RE, "reason": ""}, {"call_sid": CALL_SID, "reason": "x" * 501},
     {"recording_sid": RE, "tenant_id": TENANT, "reason": "r"}],
)  # fmt: skip
def test_a_hold_on_nothing_or_on_two_things_or_for_no_reason_is_refused(shelf: Shelf, body: Any):
    assert shelf.api.post("/api/holds", json=body).status_code == 422


@pytest.mark.parametrize(("subject", "value"), [("recording_sid", UNKNOWN), ("call_sid", "CA" + "8" * 32)])
def test_a_hold_on_what_never_was_is_told(shelf: Shelf, subject: str, value: str):
    assert shelf.api.post("/api/holds", json={subject: value, "reason": "r"}).status_code == 404
    assert shelf.count("select count(*) from recording_holds") == 0


def test_pages_hold_each_hold_once_newest_first_and_only_the_tenants(shelf: Shelf):
    made = [
        shelf.api.post(f"/api/recordings/{sid}/hold", json={"reason": "r"}).get_json()["id"]
        for sid in (RE, LEG, NOBODYS, RE, LEG)
    ]
    shelf.api.delete(f"/api/holds/{made[0]}")
    assert pages(shelf, "/api/holds?limit=2") == made[:0:-1]
    assert pages(shelf, "/api/holds?limit=2&lifted=1") == made[::-1]
    theirs = [made[4], made[3], made[1]]
    for headers in (shelf.bound(), user_token()):
        assert pages(shelf, "/api/holds?limit=2", headers=headers) == theirs
    assert pages(shelf, f"/api/holds?limit=2&tenant_id={TENANT}") == theirs
    assert pages(shelf, "/api/holds", headers=shelf.bound("other")) == []
    assert shelf.api.get(f"/api/holds?tenant_id={TENANT}", headers=shelf.bound("other")).status_code == 404
    cursor = shelf.api.get("/api/holds?limit=1").get_json()["next_cursor"]
    assert shelf.api.get(f"/api/holds?limit=1&lifted=1&cursor={cursor}").status_code == 422


def pages(shelf: Shelf, path: str, **kwargs: Any) -> list[str]:
    seen: list[str] = []
    cursor = ""
    while True:
        page = shelf.api.get(path + cursor, **kwargs).get_json()
        seen += [row["id"] for row in page["data"]]
        if not page["has_more"]:
            return seen
        cursor = f"&cursor={page['next_cursor']}"


# --- deletion ---

HEARD = ("?media=1", "?download=1", "?media=1&delivery=link", "/waveform", "/waveform?format=png")


def gone(shelf: Shelf, **kwargs: Any) -> set[int]:
    range_ = {"Range": "bytes=0-9"} | kwargs.get("headers", {"Authorization": f"Bearer {shelf.api.key}"})
    answers = [shelf.api.get(f"/api/recordings/{RE}{rest}", **kwargs) for rest in HEARD]
    answers.append(shelf.api.get(f"/api/recordings/{RE}?media=1", headers=range_))
    answers.append(shelf.api.client.head(f"/api/recordings/{RE}?media=1", headers=range_))
    return {answer.status_code for answer in answers}


def test_a_deletion_is_asked_once_and_its_sound_is_gone_from_then_on(shelf: Shelf):
    link = urlsplit(shelf.api.get(f"/api/recordings/{RE}?media=1&delivery=link").headers["Location"]).path
    assert shelf.api.client.get(link).data == SOUND
    asked_ = shelf.api.delete(f"/api/recordings/{RE}?reason=privacy&note=their+wish", headers={"X-Request-Id": "r-7"})
    assert (asked_.status_code, asked_.headers["Location"]) == (202, f"/api/recordings/{RE}/deletion")
    told = asked_.get_json()
    assert (told["reason"], told["note"], told["asked_by"], told["done_at"]) == (
        "privacy", "their wish", "api:crm", None,
    )  # fmt: skip
    again = shelf.api.delete(f"/api/recordings/{RE}?reason=request")  # whoever came first stands
    assert (again.status_code, again.get_json()) == (202, told)
    assert shelf.count("select count(*) from jobs where kind = 'recording.delete'") == 1
    wished = [entry for entry in shelf.written(RE) if entry[1] == "recording.delete_asked"]
    assert wished == [("api:crm", "recording.delete_asked", TENANT, {"reason": "privacy", "note": "their wish"})]
    assert gone(shelf) == gone(shelf, headers=user_token()) == {410}
    assert shelf.api.client.get(link).status_code == 410
    known = shelf.api.get(f"/api/recordings/{RE}").get_json()
    assert (known["media_url"], known["waveform_url"]) == (None, None)


def test_once_it_is_done_the_proof_is_left_and_nothing_to_hear(shelf: Shelf):
    link = urlsplit(shelf.api.get(f"/api/recordings/{RE}?media=1&delivery=link").headers["Location"]).path
    shelf.api.delete(f"/api/recordings/{RE}")
    shelf.deleted()
    assert gone(shelf) == {410}
    assert shelf.api.client.get(link).status_code == 410
    assert shelf.api.get(f"/api/calls/{CALL_SID}/recording?media=1").data == SOUND  # the leg's, which is there
    known = shelf.api.get(f"/api/recordings/{RE}").get_json()
    assert (known["state"], known["media_url"]) == ("deleted", None)
    proof = shelf.api.get(f"/api/recordings/{RE}/deletion").get_json()
    assert [receipt["place"] for receipt in proof["receipts"]] == ["twilio", "store"]
    assert proof["done_at"] is not None
    assert shelf.api.delete(f"/api/recordings/{RE}").status_code == 200
    assert shelf.api.get(f"/api/recordings/{RE}/deletion", headers=shelf.bound("other")).status_code == 404


def test_refusals_are_written_down_with_who_asked_and_for_what(shelf: Shelf):
    shelf.api.delete(f"/api/recordings/{RE}")
    shelf.api.get(f"/api/recordings/{RE}?media=1&purpose=dispute", headers=user_token())
    shelf.api.get(f"/api/recordings/{RE}/waveform", headers={"X-Purpose": "look"})
    with shelf.rt.db.connection() as conn:
        refused = [(row.actor, row.action, row.purpose, row.detail) for row in audit.of_subject(conn, RE)][1:]
    assert refused == [
        ("user:u-1", "recording.read", "dispute", {"refused": "recording-deleted"}),
        ("crm", "recording.pictured", "look", {"refused": "recording-deleted"}),
    ]


def test_there_is_no_deletion_of_what_nobody_wanted_deleted(shelf: Shelf):
    for sid in (RE, UNKNOWN):
        assert shelf.api.get(f"/api/recordings/{sid}/deletion").status_code == 404
    assert shelf.api.delete(f"/api/recordings/{UNKNOWN}").status_code == 404
    assert shelf.api.delete(f"/api/recordings/{RE}?reason=boredom").status_code == 422
    assert shelf.api.delete(f"/api/recordings/{RE}?note={'x' * 501}").status_code == 422
