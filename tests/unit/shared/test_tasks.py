import pytest
from celery import Celery
from redis import Redis

from shared import tasks
from shared.domain.job_kinds import JobKind
from workers import message_check


def app(**settings):
    made = Celery("check", broker="memory://")
    made.conf.update(task_queues=None, task_create_missing_queues=True, **settings)
    return made


def test_the_message_written_by_hand_is_the_one_celery_would_send():
    message_check.check(app())


def test_a_celery_that_sends_something_else_is_noticed(monkeypatch):
    honest = tasks.message

    def changed(*args, **kwargs):
        return honest(*args, **kwargs).replace(b'"retries": 0', b'"retries": 1')

    monkeypatch.setattr(tasks, "message", changed)
    with pytest.raises(message_check.MessageDiffers, match="retries"):
        message_check.check(app())


def test_every_kind_of_work_has_a_queue_that_somebody_reads():
    assert set(tasks.QUEUE_OF) == set(JobKind.__args__)
    assert set(tasks.QUEUE_OF.values()) <= set(tasks.QUEUES)


def test_a_hint_that_redis_does_not_take_is_no_error_because_the_row_stays():
    nobody = Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
    assert tasks.hint(nobody, "deliver", 7) is False
