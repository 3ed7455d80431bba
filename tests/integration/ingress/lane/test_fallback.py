"""The fallback receiver as a process of its own: Twilio's doors, its own address and journal, and no store that it needs."""

from xml.etree import ElementTree

import psycopg
import pytest

from ops.stack.ports import free_port
from shared.db import numbers
from shared.domain.routing import Number, Routing, Target
from tests.integration.ingress.lane.conftest import BUSINESS, OWNER, Server, call, status, until, webhook

SPARE, SECOND = "https://spare.example.net", "+14155550198"
AWAY = {"TS_REDIS_URL": "redis://127.0.0.1:1/0", "TS_DATABASE_URL": "postgresql://127.0.0.1:1/x"}
PROGRAM = ("ingress/fallback_conf.py", "ingress.fallback:app")


class Fallback(Server):
    """Its address is the one that the lane's tests speak to; no admin port listens."""

    def start(self):
        self.program = PROGRAM
        return super().start()


@pytest.fixture
def fallback(redis_url, database_url, tmp_path):
    """Starts it, any number of times, over the same folders."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        numbers.put(conn, Number(BUSINESS, "t", Routing((Target(OWNER), Target(SECOND)))))
    started = []

    def start(**more):
        port = free_port()
        settings = {
            "TS_FALLBACK_BIND": f"127.0.0.1:{port}", "TS_FALLBACK_URL": SPARE,
            "TS_FALLBACK_JOURNAL_DIR": str(tmp_path / "journal"), "TS_JOURNAL_DIR": "/nowhere/that/anybody/may/write",
            **more,
        }  # fmt: skip
        server = Fallback(redis_url, database_url, tmp_path, settings)
        server.fixed_port = port
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.stop()


def fallen(path="/api/calls/incoming", number=1, **more):
    """The request that Twilio makes when the main address has failed, signed for the spare one."""
    params = {**call(number), "ErrorCode": "11205", "ErrorUrl": f"https://calls.example.com{path}", **more}
    return webhook("/api/calls/fallback", params, base=SPARE)


def test_a_call_goes_on_at_the_fallback_itself(fallback):
    server = fallback()
    client = server.client()
    document = ElementTree.fromstring(client.ask(fallen()).body)
    action = document.find("Dial").get("action")
    assert action.startswith(f"{SPARE}/api/calls/dial-result?step=1&rec=0#")
    result = {**call(1), "CallStatus": "in-progress", "DialCallStatus": "no-answer"}
    target = action.removeprefix(SPARE).partition("#")[0]
    assert (
        ElementTree.fromstring(client.ask(webhook(target, result, base=SPARE)).body).findtext("Dial/Number") == SECOND
    )
    assert {event.kind for event in server.stored()} == {"call-fallback", "dial"}


def test_every_door_of_twilios_is_open_and_no_other(fallback):
    client = fallback().client()
    assert client.ask(webhook("/api/webhooks/status", status(), base=SPARE)).status == 204
    assert (
        client.ask(webhook("/api/sms/fallback", {"MessageSid": "SM" + "1" * 32, "Body": "x"}, base=SPARE)).status == 200
    )
    assert (
        client.ask(webhook("/api/calls/incoming", call())).status == 200
    )  # signed for the main address: believed as well
    assert client.ask(webhook("/api/calls/incoming", call(), signature="no")).status == 403
    for path in ("/api/sms", "/api/calls", "/metrics", "/internal/sms/send", "/docs"):
        assert client.ask(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()).status == 404


def test_without_redis_and_postgresql_it_answers_from_its_copy_and_keeps_the_event(fallback):
    first = fallback()  # learns the numbers, and keeps a copy of them
    until(lambda: (first.folder / "journal" / "routing").exists())
    first.stop()
    alone = fallback(**AWAY)
    document = ElementTree.fromstring(alone.client().ask(fallen(number=7)).body)
    assert document.findtext("Dial/Number") == OWNER
    (kept,) = [event for event in alone.in_journal() if event.sids == (f"CA{7:032x}",)]
    assert (kept.kind, kept.answer) == ("call-fallback", "forward;step=1")
    alone.stop()
    again = fallback()
    until(lambda: kept.event_id in {event.event_id for event in again.in_inbox()})


def test_without_any_copy_a_caller_still_hears_twiml(fallback):
    document = ElementTree.fromstring(fallback(**AWAY).client().ask(fallen()).body)
    assert [verb.tag for verb in document] == ["Say", "Record", "Hangup"]
    assert document.find("Record").get("action").startswith(f"{SPARE}/api/calls/voicemail#")
