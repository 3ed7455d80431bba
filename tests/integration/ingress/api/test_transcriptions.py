"""Who reads what was said, and finds where it was said: tenants, the audit, deletions, hostile words."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.db import audit, recording_deletions, transcriptions
from shared.db.transcription_overview import HIT, HIT_END
from shared.db.transcriptions import Heard
from shared.runtime import Runtime

from .conftest import ACCOUNT_SID, CALL_SID, TENANT, Api, a_call, new_key, user_token
from .test_recording_custody import RE, UNKNOWN, announced, bound_key

TR, GT, LEG = "TR" + "5" * 32, "GT" + "6" * 32, "CA" + "2" * 32
T0 = datetime(2026, 3, 1, tzinfo=UTC)
SEARCH = "/api/transcriptions?q=leak"


def heard(
    rt: Runtime,
    text: str,
    *,
    sid: str = TR,
    recording_sid: str = RE,
    call_sid: str = "",
    at: datetime = T0,
    **more: Any,
):
    with rt.db.connection() as conn:
        transcriptions.merge(
            conn,
            Heard(transcription_sid=sid, account_sid=ACCOUNT_SID, status="completed", at=at, text=text,
                  recording_sid=recording_sid, call_sid=call_sid, **more),
        )  # fmt: skip


@pytest.fixture(autouse=True)
def house(rt: Runtime) -> None:
    """A call of TENANT with a recording, of which words are known; and words that were heard live."""
    a_call(rt)
    announced(rt)
    heard(
        rt, "there is a leak in the kitchen", confidence=0.9, segments=[{"start_s": 0.0, "end_s": 2.0, "text": "there"}]
    )
    heard(rt, "the leak is big", sid=GT, recording_sid="", call_sid=CALL_SID, at=T0 + timedelta(days=1))


def entries(rt: Runtime, subject: str) -> list[tuple[Any, ...]]:
    with rt.db.connection() as conn:
        return [
            (row.actor, row.action, row.tenant_id, row.purpose, row.detail) for row in audit.of_subject(conn, subject)
        ]


def ask(rt: Runtime) -> None:
    with rt.db.connection() as conn:
        recording_deletions.ask(conn, RE, reason="request", asked_by="test")


def found(api: Api, path: str = SEARCH, **kwargs: Any) -> list[str]:
    return [row["transcription_sid"] for row in api.get(path, **kwargs).get_json()["data"]]


# --- reading ---


def test_what_was_said_in_a_recording_is_read_by_its_sid(api: Api, rt: Runtime):
    got = api.get(f"/api/recordings/{RE}/transcription?purpose=a%20complaint").get_json()
    assert (got["text"], got["confidence"], got["call_sid"]) == ("there is a leak in the kitchen", 0.9, CALL_SID)
    assert got["segments"] == [{"start_s": 0.0, "end_s": 2.0, "text": "there"}]
    assert got["transcription_url"] == f"/api/recordings/{RE}/transcription"
    assert not {"account_sid", "labels"} & got.keys()
    assert entries(rt, RE) == [("crm", "transcript.read", TENANT, "a complaint", {"transcriptions": [TR]})]


def test_a_recording_says_where_its_words_are(api: Api, rt: Runtime):
    announced(rt, "RE" + "4" * 32)
    assert api.get(f"/api/recordings/{RE}").get_json()["transcription_url"] == f"/api/recordings/{RE}/transcription"
    assert api.get(f"/api/recordings/RE{'4' * 32}").get_json()["transcription_url"] is None
    answer = api.get(f"/api/recordings/RE{'4' * 32}/transcription")
    assert (answer.status_code, answer.get_json()["detail"]) == (404, "There is no such transcription.")


def test_of_two_the_one_with_words_is_read(api: Api, rt: Runtime):
    heard(rt, "", sid="TR" + "9" * 32)
    assert api.get(f"/api/recordings/{RE}/transcription").get_json()["transcription_sid"] == TR


def test_what_was_said_in_a_call_is_that_of_its_legs_and_recordings_too(api: Api, rt: Runtime):
    a_call(rt, call_sid=LEG, tenant_id=None, parent_call_sid=CALL_SID)
    heard(rt, "on the leg", sid="GT" + "7" * 32, recording_sid="", call_sid=LEG, at=T0 + timedelta(days=2))
    got = api.get(f"/api/calls/{CALL_SID}/transcriptions", headers=user_token()).get_json()["data"]
    assert [row["text"] for row in got] == ["on the leg", "the leak is big", "there is a leak in the kitchen"]
    (entry,) = entries(rt, CALL_SID)
    assert entry[:3] == ("user:u-1", "transcript.read", TENANT)
    assert entry[4] == {"transcriptions": ["GT" + "7" * 32, GT, TR]}


# --- deletions ---


def test_from_the_moment_that_its_deletion_is_asked_for_nobody_reads_or_finds_it(api: Api, rt: Runtime):
    ask(rt)
    answer = api.get(f"/api/recordings/{RE}/transcription")
    assert (answer.status_code, answer.get_json()["type"]) == (410, "/problems/recording-deleted")
    assert api.get(f"/api/recordings/{RE}").get_json()["transcription_url"] is None
    # The only recording of the call goes, and with it what was heard while the call went on.
    assert api.get(f"/api/calls/{CALL_SID}/transcriptions").get_json()["data"] == []
    assert found(api) == []
    assert entries(rt, RE)[1] == ("crm", "transcript.read", TENANT, None, {"refused": "gone"})


def test_what_was_heard_live_is_read_while_another_recording_of_the_call_stays(api: Api, rt: Runtime):
    announced(rt, "RE" + "4" * 32)
    ask(rt)
    assert found(api) == [GT]


# --- tenants ---

PATHS = [f"/api/recordings/{RE}/transcription", f"/api/calls/{CALL_SID}/transcriptions"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("by", ["key", "token"])
def test_another_tenants_words_are_as_those_that_were_never_said(api: Api, rt: Runtime, path: str, by: str):
    headers = {"Authorization": f"Bearer {bound_key(rt, 'other')}"} if by == "key" else user_token("other")
    foreign = api.get(path, headers=headers)
    unknown = api.get(path.replace(RE, UNKNOWN).replace(CALL_SID, "CA" + "8" * 32), headers=headers)
    assert foreign.status_code == 404
    assert {**foreign.get_json(), "instance": ""} == {**unknown.get_json(), "instance": ""}
    ask(rt)
    assert api.get(path, headers=headers).status_code == 404
    assert [entry for entry in entries(rt, RE) if entry[1] == "transcript.read"] == []


@pytest.mark.parametrize("query", ["", f"&tenant_id={TENANT}"])
def test_nobody_finds_what_another_tenants_people_said(api: Api, rt: Runtime, query: str):
    for headers in ({"Authorization": f"Bearer {bound_key(rt, 'other')}"}, user_token("other"), user_token("")):
        answer = api.get(SEARCH + query, headers=headers)
        assert answer.status_code in (200, 401)
        assert answer.get_json().get("data", []) == []


def test_a_tenant_finds_its_own_and_nothing_of_nobody(api: Api, rt: Runtime):
    heard(rt, "a leak of nobody", sid="TR" + "8" * 32, recording_sid="", call_sid="")
    for headers in (user_token(), {"Authorization": f"Bearer {bound_key(rt)}"}):
        assert found(api, headers=headers) == [GT, TR]
    assert set(found(api)) == {GT, TR, "TR" + "8" * 32}
    assert found(api, f"{SEARCH}&tenant_id=other") == []


def test_a_key_without_the_scope_reads_nothing(api: Api, rt: Runtime):
    headers = {"Authorization": f"Bearer {new_key(rt, scopes={'sms:send'}).text}"}
    assert {api.get(path, headers=headers).status_code for path in (*PATHS, SEARCH)} == {403}


# --- searching ---


@pytest.mark.parametrize(
    ("query", "sids"),
    [("leak", [GT, TR]), ("KITCHEN", [TR]), ('"leak is"', [GT]), ("kitchen or big", [GT, TR]), ("leak -kitchen", [GT]),
     ("nothing", []), ("&|!():*", []), ("'; drop table", []), ('"', []), ("leak <->", [GT, TR])],
)  # fmt: skip
def test_words_are_found_as_people_look_for_them(api: Api, query: str, sids: list[str]):
    assert found(api, "/api/transcriptions", query_string={"q": query}) == sids


def test_time_bounds_what_is_found(api: Api):
    later = (T0 + timedelta(hours=1)).isoformat()
    for name, sids in (("from", [GT]), ("to", [TR])):
        assert found(api, "/api/transcriptions", query_string={"q": "leak", name: later}) == sids


def test_pages_hold_each_hit_once_and_a_cursor_is_good_for_its_search_only(api: Api, rt: Runtime):
    for number in range(5):
        heard(rt, "a leak", sid=f"TR{number:032d}", at=T0)
    seen, query = [], {"q": "leak", "limit": "2"}
    while True:
        page = api.get("/api/transcriptions", query_string=query).get_json()
        seen += [row["transcription_sid"] for row in page["data"]]
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]
    assert sorted(seen) == sorted([TR, GT, *(f"TR{number:032d}" for number in range(5))])
    assert api.get("/api/transcriptions", query_string=query | {"q": "another"}).status_code == 422


@pytest.mark.parametrize(
    "query", ["", "q=", "q=" + "x" * 201, "q=a&limit=51", "q=a&from=yesterday", "q=a%00b", "q=a&what=b"]
)
def test_a_search_that_cannot_be_is_422(api: Api, query: str):
    assert api.get(f"/api/transcriptions?{query}").status_code == 422


def test_an_excerpt_is_short_and_safe_whatever_was_said(api: Api, rt: Runtime):
    evil = f"<script>alert(1)</script> & <mark> {HIT}fake{HIT_END} leak <b>here</b> "
    heard(rt, evil + "word " * 50_000 + "leak", sid="TR" + "7" * 32, at=T0 + timedelta(days=9))
    (hit,) = api.get("/api/transcriptions?q=leak&limit=1").get_json()["data"]
    assert "<mark>leak</mark>" in hit["excerpt"]
    assert len(hit["excerpt"]) < 2_000
    assert {*re.findall(r"<[^>]*>", hit["excerpt"])} == {"<mark>", "</mark>"}
    assert "<mark>fake" not in hit["excerpt"]
    assert "text" not in hit


def test_the_index_of_words_is_used(rt: Runtime):
    from shared.db import transcription_overview

    with rt.db.connection() as conn:
        conn.execute(
            """
            insert into transcriptions (transcription_sid, account_sid, status, text, started_at)
            select 'TRx' || n, 'AC', 'completed', 'word' || n || ' and others', now() from generate_series(1, 5000) as n
            """
        )
        conn.execute("analyze transcriptions")
        values = {"q": "word77", "owner": None, "tenant_id": None, "since": None, "until": None, "at": None, "sid": None,
                  "limit": 20, **transcription_overview._MARKS}  # fmt: skip
        plan = conn.execute("explain (format json) " + transcription_overview._SEARCH, values).fetchone()
    assert "transcriptions_by_words" in json.dumps(plan)


# --- the audit ---


def test_a_search_is_written_down_with_what_was_looked_for_and_found(api: Api, rt: Runtime):
    api.get("/api/transcriptions", query_string={"q": "kitchen"}, headers={"X-Purpose": "a check"})
    assert entries(rt, "transcriptions") == [
        ("crm", "transcript.searched", None, "a check", {"q": "kitchen", "transcriptions": [TR]})
    ]


def test_a_card_number_that_is_looked_for_does_not_get_into_the_audit(api: Api, rt: Runtime):
    assert found(api, "/api/transcriptions", query_string={"q": "4242 4242 4242 4242"}) == []
    ((*_, detail),) = entries(rt, "transcriptions")
    assert detail["q"] == "[card]"


@pytest.mark.parametrize("path", [*PATHS, SEARCH])
def test_what_cannot_be_audited_is_not_answered(api: Api, rt: Runtime, path: str):
    with rt.db.connection() as conn:
        conn.execute("alter table audit add check (action not like 'transcript.%') not valid")
    answer = api.get(path)
    assert answer.status_code == 503
    assert "leak" not in answer.text.replace("q=leak", "")
