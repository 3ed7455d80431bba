"""What may be asked of a live call: to go elsewhere, to be recorded."""

from threading import Thread
from typing import Any

import pytest

from shared.db import call_controls, numbers, recordings
from shared.domain.routing import Number, RecordingPolicy, Routing
from shared.runtime import Runtime

from .conftest import ACCOUNT_SID, BUSINESS, CALL_SID, TENANT, Api, a_call

REDIRECT, RECORDING = f"/api/calls/{CALL_SID}/redirect", f"/api/calls/{CALL_SID}/recording"
LEG, RE = "CA" + "2" * 32, "RE" + "3" * 32
OBTAINED = {"consent": "obtained"}


def wishes(rt: Runtime) -> list[Any]:
    with rt.db.connection() as conn:
        return [(one.action, one.state, one.client) for one in call_controls.of(conn, [CALL_SID])]


def jobs(rt: Runtime) -> int:
    with rt.db.connection() as conn:
        return conn.execute("select count(*) from jobs where kind = 'call.control' and state = 'due'").fetchone()[0]  # type: ignore[index]


def twiml(rt: Runtime) -> str:
    with rt.db.connection() as conn:
        [wish] = call_controls.of(conn, [CALL_SID])
    return wish.args["twiml"]


def fulfil(rt: Runtime, state: Any = "done", **more: Any) -> None:
    with rt.db.connection() as conn:
        for wish in call_controls.of(conn, [CALL_SID]):
            call_controls.finish(conn, wish.id, state, **more)


@pytest.mark.parametrize(
    ("body", "kind", "part"),
    [
        ({"forward_to": "+14155550188"}, "forward", "+14155550188</Number>"), ({"voicemail": True}, "voicemail", "<Record"),
        ({"say": "Bye & thanks"}, "say", '<Say language="es-MX">Bye &amp; thanks</Say>'),
    ],
)  # fmt: skip
def test_a_live_call_is_sent_elsewhere_in_the_numbers_way(api: Api, rt: Runtime, body: Any, kind: str, part: str):
    a_call(rt)
    with rt.db.connection() as conn:
        numbers.put(conn, Number(BUSINESS, TENANT, Routing(language="es-MX")))
    answer = api.post(REDIRECT, json=body)
    shown = answer.get_json()
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/api/calls/{CALL_SID}")
    assert (shown["action"], shown["state"], shown["args"]) == ("redirect", "requested", {"kind": kind, **body})
    assert part in twiml(rt)
    assert (jobs(rt), rt.redis.llen("calls")) == (1, 1)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"voicemail": False}, {"forward_to": "+1", "say": "x"}, {"forward_to": "+14155550188", "voicemail": True},
        {"forward_to": "0155"}, {"forward_to": "sip:"}, {"forward_to": "client:a b"}, {"say": ""}, {"say": "x" * 1501},
        {"url": "https://x"}, {"say": "a\x07b"}, {"say": "..."}, {"forward_to": "+19005550123"}, {"forward_to": BUSINESS},
    ],
)  # fmt: skip
def test_a_redirect_that_cannot_be_meant_is_refused(api: Api, rt: Runtime, body: Any):
    a_call(rt)
    assert api.post(REDIRECT, json=body).status_code == 422
    assert wishes(rt) == []


def test_what_is_too_long_as_a_document_is_refused(api: Api, rt: Runtime):
    a_call(rt)
    answer = api.post(REDIRECT, json={"say": "a" + "&" * 1499})  # each is five characters there
    assert (answer.status_code, answer.get_json()["errors"][0]["code"]) == (422, "too_long")


@pytest.mark.parametrize("path", [REDIRECT, f"{RECORDING}/start", f"{RECORDING}/stop", f"{RECORDING}/pause"])
def test_of_a_call_that_is_over_every_wish_is_overtaken(api: Api, rt: Runtime, path: str):
    a_call(rt, status="completed")
    answer = api.post(path, json={"say": "x"} if path == REDIRECT else {})
    shown = answer.get_json()
    assert (answer.status_code, shown.get("control", shown)["state"], jobs(rt)) == (200, "overtaken", 0)


@pytest.mark.parametrize("path", [REDIRECT, f"{RECORDING}/start"])
def test_a_call_that_is_not_there_is_404(api: Api, path: str):
    assert api.post(path, json={"say": "x"} if path == REDIRECT else {}).status_code == 404


@pytest.mark.parametrize("state", ["done", "overtaken", "refused"])
def test_who_prefers_to_wait_learns_what_came_of_it(api: Api, rt: Runtime, state: str):
    a_call(rt)

    def work() -> None:
        if rt.redis.brpop(["calls"], timeout=10):
            fulfil(rt, state)

    worker = Thread(target=work)
    worker.start()
    answer = api.post(REDIRECT, json={"say": "x"}, headers={"Prefer": "wait=5"})
    worker.join()
    assert (answer.status_code, answer.get_json()["state"]) == (200, state)


def test_the_same_key_makes_one_wish(api: Api, rt: Runtime):
    a_call(rt)
    first, again = (api.post(REDIRECT, json={"say": "x"}, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.data == again.data
    assert len(wishes(rt)) == 1


# Recording. -------------------------------------------------------------------------------------------------------------


def consents(rt: Runtime, way: str, consent: str) -> None:
    with rt.db.connection() as conn:
        conn.execute("update calls set consent_way = %s, consent = %s", (way, consent))


def consent_of(rt: Runtime) -> Any:
    with rt.db.connection() as conn:
        return conn.execute("select consent, consent_rule, recording_wanted from calls").fetchone()


def test_without_a_ground_nothing_is_recorded(api: Api, rt: Runtime):
    a_call(rt)
    answer = api.post(f"{RECORDING}/start")
    assert (answer.status_code, answer.get_json()["type"]) == (409, "/problems/consent-required")
    assert (wishes(rt), jobs(rt)) == ([], 0)


@pytest.mark.parametrize(
    ("way", "consent", "status"),
    [("announce", "announced", 202), ("press", "given", 202), ("none", "not-needed", 202), ("asserted", "asserted", 202),
     ("press", "asked", 409), ("press", "declined", 409)],
)  # fmt: skip
def test_what_is_stored_with_the_call_decides(api: Api, rt: Runtime, way: str, consent: str, status: int):
    a_call(rt)
    consents(rt, way, consent)
    assert api.post(f"{RECORDING}/start").status_code == status


@pytest.mark.parametrize("before", [None, ("press", "declined")])
def test_a_clients_word_is_a_ground_and_is_kept_with_its_name(api: Api, rt: Runtime, before: Any):
    a_call(rt)
    if before:
        consents(rt, *before)
    answer = api.post(f"{RECORDING}/start", json=OBTAINED)
    assert (answer.status_code, answer.get_json()["is_recording"]) == (202, True)
    consent, rule, is_wanted = consent_of(rt)
    assert (consent, rule["asserted_by"], is_wanted) == ("asserted", "crm", True)
    assert rule["asserted_at"]
    [step] = api.get(f"/api/calls/{CALL_SID}").get_json()["timeline"]
    assert (step["step"], step["name"], step["detail"]) == ("consent", "asserted", {"client": "crm"})


def test_what_the_caller_has_agreed_to_is_not_overwritten_by_somebodys_word(api: Api, rt: Runtime):
    a_call(rt)
    consents(rt, "press", "given")
    assert api.post(f"{RECORDING}/start", json=OBTAINED).status_code == 202
    assert consent_of(rt)[0] == "given"


def test_asked_again_it_is_recorded_once(api: Api, rt: Runtime):
    a_call(rt)
    assert api.post(f"{RECORDING}/start", json=OBTAINED).status_code == 202
    again = api.post(f"{RECORDING}/start", json=OBTAINED)
    assert (again.status_code, again.get_json()["control"], again.get_json()["is_recording"]) == (200, None, True)
    assert jobs(rt) == 1


def test_a_call_that_its_number_records_is_recorded_already(api: Api, rt: Runtime):
    a_call(rt)
    consents(rt, "announce", "announced")
    with rt.db.connection() as conn:
        recordings.announce(conn, recording_sid=RE, call_sid=CALL_SID, account_sid=ACCOUNT_SID, state="announced")
    assert api.post(f"{RECORDING}/start").status_code == 200
    assert api.post(f"{RECORDING}/pause").get_json()["is_paused"]


def test_pausing_and_going_on_change_what_is_so_and_nothing_else(api: Api, rt: Runtime):
    a_call(rt)
    assert [api.post(f"{RECORDING}/{word}").status_code for word in ("pause", "resume", "stop")] == [409, 409, 200]
    api.post(f"{RECORDING}/start", json=OBTAINED)
    words = ("resume", "pause", "pause", "resume", "stop", "stop", "pause")
    assert [api.post(f"{RECORDING}/{word}").status_code for word in words] == [200, 202, 200, 202, 202, 200, 409]
    assert [action for action, _, _ in wishes(rt)] == ["record-start", "record-pause", "record-resume", "record-stop"]


def test_a_leg_is_recorded_with_its_call(api: Api, rt: Runtime):
    a_call(rt)
    a_call(rt, call_sid=LEG, parent_call_sid=CALL_SID, direction="outbound-dial")
    assert api.post(f"/api/calls/{LEG}/recording/start", json=OBTAINED).get_json()["call_sid"] == CALL_SID
    assert wishes(rt) == [("record-start", "requested", "crm")]


def test_a_number_that_asks_for_a_key_is_not_overruled_by_a_law(api: Api, rt: Runtime):
    a_call(rt)
    with rt.db.connection() as conn:
        numbers.put(conn, Number(BUSINESS, TENANT, Routing(recording=RecordingPolicy(consent="press"))))
    answer = api.post(f"{RECORDING}/start")
    assert (answer.status_code, answer.get_json()["way"]) == (409, "press")
