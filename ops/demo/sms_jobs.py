"""The stories of a text that another service wants sent: asked for by HTTP, and as a Celery job without our code."""

from typing import Any
from uuid import uuid4

from celery import Celery

from ops.demo.check import need, until
from ops.demo.facts import delivered
from ops.demo.stage import Stage
from ops.demo_world import BUSINESS, CELERY_CUSTOMER, HTTP_CUSTOMER

TASK, QUEUE, CLIENT = "twilio_server.sms.send.v1", "sms.jobs", "demo-by-celery"


def sms_by_http(stage: Stage) -> str:
    job = {"to": HTTP_CUSTOMER, "from": BUSINESS, "body": f"Your visit is tomorrow at nine ({stage.mark})"}
    answer = stage.service.ask("POST", "/api/sms/send", json=job, headers={"Idempotency-Key": str(uuid4())})
    need(answer.status_code == 202, f"{answer.status_code} {answer.text[:200]}")
    message_id = answer.json()["id"]
    need(answer.headers["Location"].endswith(message_id), f"Location {answer.headers['Location']}")
    message = until(lambda: delivered(stage, message_id), "the text arrives")
    return f"202, then delivered as {message['message_sid'][:6]}…"


def sms_by_celery(stage: Stage) -> str:
    key = f"demo-{uuid4()}"
    job = {
        "to": CELERY_CUSTOMER,
        "from": BUSINESS,
        "body": f"Your invoice is ready ({stage.mark})",
        "client": CLIENT,
        "idempotency_key": key,
        "request_id": f"demo-{stage.mark}",
    }
    _send_task(stage.env["TS_REDIS_URL"], job)
    message = until(lambda: _made(stage, key), "the job has become a message")
    message = until(lambda: delivered(stage, message["id"]), "the text arrives")
    return f"send_task, then delivered as {message['message_sid'][:6]}…"


def _send_task(broker: str, job: dict[str, str]) -> None:
    """As any other service would: a bare Celery that knows the broker, the task's name and the queue."""
    with Celery(broker=broker) as queue:
        queue.send_task(TASK, kwargs={"job": job}, queue=QUEUE)


def _made(stage: Stage, key: str) -> Any:
    messages = stage.service.json("GET", "/api/sms", params={"client": CLIENT, "limit": 50})["data"]
    found = [message for message in messages if message["idempotency_key"] == key]
    need(found, f"{len(messages)} messages of this client, none with the key")
    return found[0]
