"""What Celery says is heard, and what it quotes is not."""

import json
import logging

from structlog.testing import capture_logs

from workers import celery_log


def test_a_complaint_is_told_by_its_sentence_and_the_kind_of_fault_and_nothing_it_quotes():
    celery_log.listen()
    with capture_logs() as heard:
        logging.getLogger("celery.worker.consumer").error("Received %r: %r\nmore", "+14155550100", OSError("secret"))
        logging.getLogger("kombu").warning("odd")
        logging.getLogger("celery").info("unheard")
    assert [(told["event"], told["log_level"], told["said"]) for told in heard] == [
        ("celery_complained", "error", "Received %r: %r"), ("celery_complained", "warning", "odd"),
    ]  # fmt: skip
    assert heard[0]["errors"] == ["OSError"]
    assert "+1415" not in json.dumps(heard)
    assert "secret" not in json.dumps(heard)


def test_a_fault_is_told_by_its_place():
    celery_log.listen()
    with capture_logs() as heard:
        try:
            raise ValueError("secret")
        except ValueError:
            logging.getLogger("celery").exception("broke")
    assert heard[0]["where"].startswith("ValueError at test_celery_log.py")
