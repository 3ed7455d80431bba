"""A missed call and its text, with as-call-service's stand-in, which calls us back over HTTP before it answers."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from threading import Thread

import pytest
import requests
from flask import Flask

from ingress import api as http_api
from ingress import body, errors, request_id
from ops.standins.app import build
from ops.standins.server import listen
from shared.db import endpoints, numbers, opt_outs, suppressions
from shared.db.endpoints import Endpoint
from shared.domain.routing import Emergency, Number, forwards
from shared.runtime import Runtime, open_db, open_redis
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, OWNER, Story, event
from workers.handlers.calls import owned

TENANT = "7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0001"  # the platform's tenants are UUIDs
CALL, NEXT = "CA" + "1" * 32, "CA" + "2" * 32
KEY = "platform-key"


@contextmanager
def served(app):
    server = listen(app, "127.0.0.1", 0)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Platform(Story):
    """twilio-server's door, one connection of PostgreSQL to it, and as-call-service's stand-in behind a socket."""

    def __init__(self, rt, stand_in, url, door):
        super().__init__(rt, None)
        self.stand_in, self.url, self.door = stand_in, url, door

    @property
    def books(self):
        return self.stand_in.extensions["books"]

    def faults(self, **order):
        requests.put(f"{self.url}/standin/faults", json={"as-call": order}, timeout=10).raise_for_status()

    def told(self):
        state = requests.get(f"{self.url}/standin/as-call/state", timeout=10).json()
        return [(each["path"].removeprefix("/as-call/calls/"), each["status"]) for each in state["requests"]]

    def texts(self):
        return self.rows("select body from messages where direction = 'outbound'")

    def delivers(self):
        """Everything that as-call-service is owed, at whatever time it is due."""
        outcomes = []
        for _ in range(8):
            self.rows("update jobs set next_at = now() where kind = 'as-call' and state = 'due' returning 1")
            outcomes += self.work("as-call")
        return outcomes


@pytest.fixture
def platform(rt):
    door = Flask("door")
    request_id.install(door)
    body.install(door)
    errors.install(door)
    settings = replace(rt.settings, service_key=KEY)
    # One connection for all requests of the door: whoever kept one while as-call-service waits for it would stop it.
    ours = Runtime(settings, open_db(settings, size=1), open_redis(settings, timeout_s=1.0, connections=4))
    http_api.install(door, ours)
    with served(door) as door_url:
        stand_in = build(door_url, KEY)
        with served(stand_in) as url, rt.db.connection() as conn:
            numbers.put(conn, Number(BUSINESS, TENANT, forwards(OWNER)))
            endpoints.put(conn, Endpoint("as-call", f"{url}/as-call", "as-call-service", "",
                                         ["call.incoming", "call.missed", "sms.received"], None, True))  # fmt: skip
            conn.commit()
            yield Platform(rt, stand_in, url, door_url)
    ours.close()


def call(sid=CALL, caller=CUSTOMER, *, hours_ago=0, answer="forward"):
    """A missed call's webhooks."""
    facts = {"CallSid": sid, "From": caller, "To": BUSINESS, "Direction": "inbound"}
    arrivals = [
        event("call", answer=answer, CallStatus="ringing", **facts),
        event("dial", answer="voicemail", CallStatus="in-progress", DialCallStatus="no-answer", **facts),
        event("status", CallStatus="completed", CallbackSource="call-progress-events", CallDuration="9", **facts),
    ]
    return [replace(one, received_ns=time.time_ns() - hours_ago * 3600 * 10**9) for one in arrivals]


def text(words):
    return event("message", MessageSid="SM" + "7" * 32, SmsStatus="received", From=CUSTOMER, To=BUSINESS, Body=words)


def test_a_missed_call_is_texted_once_and_its_text_is_known(platform):
    platform.happens(*call())
    assert platform.one("select text_back from calls") == "wanted"
    assert platform.delivers() == ["done", "done"]
    assert platform.told() == [("incoming", 200), ("missed", 200)]
    assert len(platform.texts()) == 1
    assert platform.one("select message_id from text_backs") == platform.one("select id from messages")
    assert platform.one("select count(*) from conversations") == 1


def test_a_call_that_rang_in_vain_ends_then_and_not_when_it_came_in(platform):
    begun, rang, _ = call()
    came_at = time.time() - 20
    platform.happens(replace(begun, received_ns=int(came_at * 10**9)), rang)
    platform.delivers()
    assert datetime.fromisoformat(platform.books.calls[CALL].ended_at).timestamp() > came_at + 19


def test_an_answer_that_is_lost_brings_no_second_text(platform):
    """as-call-service opens another conversation and asks for the same text again: it is the text that there is."""
    begun, *over = call()
    platform.happens(begun)
    assert platform.work("as-call") == ["done"]
    platform.faults(status=503, times=1, when="after")
    platform.happens(*over)
    assert platform.work("as-call") == ["transient"]
    with platform.books.lock:  # as the running code: it knows of no text that it has had sent before
        known = platform.books.calls[CALL]
        known.sms_triggered, known.conversation_id = False, None
    assert platform.delivers()[-1] == "done"
    assert [status for path, status in platform.told() if path == "missed"] == [503, 200]
    assert len(platform.texts()) == 1
    newest = platform.books.calls[CALL].conversation_id
    assert platform.one("select conversation_id from conversations") == newest


def test_two_requests_for_one_text_at_the_same_time_are_one_text(platform):
    platform.happens(*call())
    job = {"to": CUSTOMER, "from": BUSINESS, "body": "Sorry we missed you", "tenantId": TENANT}
    with ThreadPoolExecutor(4) as clients:
        answers = [*clients.map(lambda _: asked(platform, job), range(8))]
    assert {answer["id"] for answer in answers} == {str(platform.one("select id from messages"))}


def asked(platform, job):
    answer = requests.post(f"{platform.door}/internal/sms/send", json=job, headers={"X-Service-Key": KEY}, timeout=20)
    assert answer.status_code == 202
    return answer.json()


def test_the_same_words_are_a_new_text_once_the_customer_has_written_and_other_words_always(platform):
    platform.happens(*call())
    job = {"to": CUSTOMER, "from": BUSINESS, "body": "Sorry we missed you", "tenantId": TENANT}
    first = asked(platform, job)["id"]
    assert asked(platform, job)["id"] == first
    assert asked(platform, job | {"body": "Anything else?"})["id"] != first
    platform.happens(text("yes"))
    assert asked(platform, job)["id"] != first


def test_a_business_that_nobody_has_missed_may_say_the_same_twice(platform):
    job = {"to": CUSTOMER, "from": BUSINESS, "body": "Your order is ready", "tenantId": TENANT}
    assert asked(platform, job)["id"] != asked(platform, job)["id"]


def test_a_missed_call_waits_behind_its_own_call_that_is_refused_for_a_while(platform):
    platform.faults(status=503, times=3)
    platform.happens(*call())
    platform.delivers()
    assert platform.told() == [("incoming", 503)] * 3 + [("incoming", 200), ("missed", 200)]
    assert len(platform.texts()) == 1


def test_a_missed_call_whose_own_call_was_given_up_tells_of_both(platform):
    platform.happens(*call())
    platform.rows("update jobs set state = 'failed', finished_at = now() where kind = 'as-call' and id = (select min(id) "
                  "from jobs where kind = 'as-call') returning 1")  # fmt: skip
    assert platform.delivers() == ["done"]
    assert platform.told() == [("missed", 404), ("incoming", 200), ("missed", 200)]
    assert len(platform.texts()) == 1


def test_a_service_that_has_forgotten_everything_is_told_anew(platform):
    begun, *over = call()
    platform.happens(begun)
    assert platform.work("as-call") == ["done"]
    platform.books.forget()
    platform.happens(*over)
    platform.delivers()
    assert platform.told()[-3:] == [("missed", 404), ("incoming", 200), ("missed", 200)]
    assert len(platform.texts()) == 1


def test_who_calls_again_at_once_gets_no_second_text_and_later_does(platform):
    platform.happens(*call(), *call(NEXT))
    platform.delivers()
    assert platform.rows("select call_sid, text_back from calls order by 1") == [(CALL, "wanted"), (NEXT, "cooldown")]
    assert len(platform.texts()) == 1
    assert [path for path, _ in platform.told()].count("missed") == 1
    platform.rows("update text_backs set decided_at = decided_at - interval '16 minutes' returning 1")
    third = "CA" + "3" * 32
    platform.happens(*call(third))
    assert platform.one("select text_back from calls where call_sid = %s", third) == "wanted"


def test_another_caller_is_texted_beside_them(platform):
    platform.happens(*call(), *call(NEXT, "+12125550143"))
    assert platform.rows("select distinct text_back from calls") == [("wanted",)]


@pytest.mark.parametrize(
    ("caller", "word"),
    [("anonymous", "withheld"), ("+2562533", "withheld"), ("5550142", "invalid"), ("+1800555", "invalid"),
     (OWNER, "own"), ("+14155550123", "own"), (BUSINESS, "own"),
     ("+12125550166", "blocked"), ("+12125550177", "landline"), ("+12125550188", "opted-out")],
)  # fmt: skip
def test_who_is_not_to_be_texted_is_told_of_to_others_only(platform, caller, word):
    rules = forwards(OWNER, blocked=frozenset({"+1212555016*"}), emergency=Emergency("+14155550123"))
    with platform.rt.db.connection() as conn:
        numbers.put(conn, Number(BUSINESS, TENANT, rules))
        suppressions.put(conn, "+12125550177", reason="landline")
        opt_outs.add(conn, number="+12125550188", scope=BUSINESS, source="keyword")
    platform.happens(*call(caller=caller))
    assert platform.rows("select decision, text_back from calls") == [("missed", word)]
    platform.delivers()
    assert "missed" not in [path for path, _ in platform.told()]
    told = platform.one("select data ->> 'text_back' from notifications where type = 'call.missed'")
    assert (told, platform.rows("select 1 from text_backs")) == (word, [])


def test_a_text_that_a_rule_refuses_is_asked_for_once_and_nothing_waits_behind_it(platform):
    """The caller opts out after the call was decided: as-call-service cannot have its text sent, and fails with it."""
    platform.happens(*call())
    with platform.rt.db.connection() as conn:
        opt_outs.add(conn, number=CUSTOMER, scope=BUSINESS, source="keyword")
    platform.delivers()
    platform.happens(*call(NEXT))
    platform.delivers()
    assert platform.told() == [("incoming", 200), ("missed", 502), ("incoming", 200)]
    assert platform.rows("select text_back from calls order by call_sid") == [("unreachable",), ("opted-out",)]
    assert platform.one("select count(*) from text_backs") == 0


def test_a_business_whose_owner_is_only_found_after_the_call_has_its_caller_texted_after_all(platform):
    platform.rows("update numbers set tenant_id = null returning 1")
    platform.happens(*call(), *call(NEXT, hours_ago=2))
    platform.delivers()
    assert platform.rows("select text_back from calls order by call_sid") == [("no-tenant",), ("no-tenant",)]
    assert platform.told() == []
    for _ in range(2):
        with platform.rt.db.connection() as conn:
            numbers.note_owner(conn, BUSINESS, tenant_id=TENANT, status="active")
            owned(conn, BUSINESS, TENANT)
        platform.delivers()
    assert platform.told() == [("incoming", 200), ("missed", 200)]
    assert platform.rows("select text_back from calls order by call_sid") == [("wanted",), ("no-tenant",)]
    assert len(platform.texts()) == 1


def test_a_business_whose_owner_is_found_while_it_rings_is_told_of_the_missed_call(platform):
    platform.rows("update numbers set tenant_id = null returning 1")
    begun, *over = call()
    platform.happens(begun)
    platform.delivers()
    with platform.rt.db.connection() as conn:
        numbers.note_owner(conn, BUSINESS, tenant_id=TENANT, status="active")
        owned(conn, BUSINESS, TENANT)
    platform.happens(*over)
    platform.delivers()
    assert platform.told()[-2:] == [("incoming", 200), ("missed", 200)]
    assert len(platform.texts()) == 1


def test_a_call_of_hours_ago_brings_no_text_and_does_not_cool_anything_down(platform):
    platform.happens(*call(hours_ago=2))
    assert platform.one("select text_back from calls") == "stale"
    platform.happens(*call(NEXT))
    assert platform.one("select text_back from calls where call_sid = %s", NEXT) == "wanted"


def test_a_text_that_has_become_too_late_while_as_call_was_away_is_withdrawn(platform):
    platform.happens(*call())
    platform.rows('update notifications set data = data || \'{"ended_at": "2026-01-01T00:00:00+00:00"}\' returning 1')
    platform.delivers()
    assert platform.one("select text_back from calls") == "stale"
    assert platform.one("select detail ->> 'text_back' from call_steps where step = 'text-back'") == "stale"
    assert (platform.texts(), platform.rows("select 1 from text_backs")) == ([], [])


def test_a_caller_we_turned_away_has_missed_nothing_and_is_not_texted(platform):
    arrivals = call(answer="reject:blocked")
    platform.happens(arrivals[0], arrivals[2])
    assert platform.rows("select decision, text_back from calls") == [("screened", None)]
    assert platform.rows("select 1 from notifications where type = 'call.missed'") == []


def test_one_connection_and_one_thread_are_enough_while_as_call_calls_back(platform):
    """A worker with one connection and one thread, and a door with one connection: nobody holds what the other needs."""
    alone = open_db(platform.rt.settings, size=1)
    narrow = Platform(replace(platform.rt, db=alone), platform.stand_in, platform.url, platform.door)
    callers = [(f"CA{number:032x}", f"+121255501{number:02}") for number in range(6)]
    try:
        for sid, caller in callers:
            narrow.happens(*call(sid, caller))
        with ThreadPoolExecutor(1) as thread:
            outcomes = thread.submit(narrow.delivers).result(timeout=40)
    finally:
        alone.close()
    assert set(outcomes) == {"done"}
    assert len(platform.texts()) == len(callers)
