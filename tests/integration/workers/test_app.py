"""The tasks by their names, as Celery runs them."""

import json

import pytest
from celery.exceptions import Reject
from psycopg import OperationalError

from shared import inbox, tasks
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, event
from tests.integration.workers.test_contract import JOB
from tests.integration.workers.test_messages import wanted


@pytest.fixture
def app(world, monkeypatch):
    """The worker's application with this test's Runtime in its hands."""
    for name, value in {
        "TS_PUBLIC_URL": "http://127.0.0.1:9", "TS_REDIS_URL": world.rt.settings.redis_url,
        "TS_DATABASE_URL": world.rt.settings.database_url, "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    import workers.app

    monkeypatch.setattr(workers.app.app, "runtime", world.rt)
    return workers.app.app


def test_the_bell_empties_the_inbox(world, app):
    inbox.put_many(world.rt.redis, [event("status", CallSid="CA" + "1" * 32, CallStatus="ringing", From=CUSTOMER)])
    app.tasks[tasks.DRAIN]()
    assert world.one("select count(*) from events") == 1


def test_a_hint_does_the_job_it_names(world, app):
    wanted(world)
    app.tasks[tasks.RUN](world.one("select id from jobs"))
    assert world.one("select state from jobs where kind = 'sms.send'") == "done"


def test_a_job_of_another_service_becomes_a_text(world, app):
    app.tasks[tasks.SMS_CONTRACT](job=JOB)
    assert world.rows("select from_number, to_number from messages") == [(BUSINESS, CUSTOMER)]


def test_a_job_of_another_service_is_not_let_go_while_postgresql_is_away(world, app, monkeypatch):
    def gone():
        raise OperationalError("gone")

    monkeypatch.setattr(type(world.rt.db), "connection", lambda *_args, **_kwargs: gone())
    with pytest.raises(Reject) as rejected:
        app.tasks[tasks.SMS_CONTRACT](job=JOB)
    assert rejected.value.requeue is True


def test_every_name_that_is_sent_is_a_task(app):
    assert {tasks.DRAIN, tasks.RUN, tasks.SMS_CONTRACT} <= set(app.tasks)


def test_a_job_of_another_service_that_meets_a_bug_is_set_aside_whole(world, app, monkeypatch):
    def broken(*_args, **_kwargs):
        raise KeyError("x")

    monkeypatch.setattr("workers.contract.texts.promises.keep", broken)
    app.tasks[tasks.SMS_CONTRACT](job=JOB)
    ((record, reason),) = world.rows("select record, reason from set_aside")
    assert (json.loads(record), "KeyError" in reason) == (JOB, True)


@pytest.mark.parametrize(("given", "kept"), [
    ({"jobs": {"to": "x"}}, {"jobs": {"to": "x"}}), ({}, []), ({"job": None, "to": "x"}, {"to": "x"}),
])  # fmt: skip
def test_a_message_with_arguments_of_its_own_is_kept_with_them(world, app, given, kept):
    app.tasks[tasks.SMS_CONTRACT](**given)
    assert json.loads(world.one("select record from set_aside")) == kept
