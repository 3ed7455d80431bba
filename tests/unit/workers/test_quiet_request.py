import io
import json

import pytest
import structlog
from celery import Celery
from celery.exceptions import Reject
from kombu.message import Message

from shared import log
from workers.quiet_request import QuietRequest, TaskBroke


@pytest.fixture
def task():
    app = Celery("t", broker="memory://", task_cls="workers.quiet_request:QuietTask")

    @app.task(name="t.run", bind=True, shared=False)
    def run(self, fault):
        raise fault

    return run


def test_a_tasks_failure_tells_flower_nothing_but_its_kind(task):
    out = io.StringIO()
    log.configure(service="t", version="1", out=out)
    try:
        with pytest.raises(TaskBroke) as broke:
            task(ValueError("Key (to_number)=(+14155552671)"))
    finally:
        structlog.reset_defaults()
    assert str(broke.value) == "ValueError"
    assert broke.value.__cause__ is None
    assert broke.value.__suppress_context__
    (line,) = [json.loads(text) for text in out.getvalue().splitlines()]
    assert line["event"] == "task_broke"
    assert "4155552671" not in json.dumps(line)


def test_a_message_that_is_to_go_back_into_the_queue_is_let_through(task):
    with pytest.raises(Reject):
        task(Reject("database", requeue=True))


def test_arguments_are_shown_to_nobody(task):
    message = message_of(task.name, ["+14155552671"])
    request = QuietRequest(message, app=task.app, hostname="h", task=task)
    shown = json.dumps([request.argsrepr, request.kwargsrepr, request.info(), request.info(safe=True)], default=str)
    assert "4155552671" not in shown
    assert "(hidden)" in shown


def message_of(name, args):
    """A message as kombu hands it to a worker, with a sender that describes its arguments in the headers."""
    return Message(
        channel=None,
        body=json.dumps([args, {}, {}]),
        content_type="application/json",
        content_encoding="utf-8",
        headers={"id": "1", "task": name, "argsrepr": repr(args), "kwargsrepr": "{}", "lang": "py"},
        properties={"correlation_id": "1", "reply_to": None},
        delivery_info={"exchange": "", "routing_key": "sms.jobs"},
    )
