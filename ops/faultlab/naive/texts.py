"""The Celery side of a naive sender: one task, one text, a client of Twilio's SDK for each, and another try after any fault."""

import os
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
from celery import Celery
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

CALLBACK = "/api/webhooks/status?message_id="

app = Celery("naive-texts", broker=os.environ["TS_REDIS_URL"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": 15,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 30,
    },
)


class _Rehosted(TwilioHttpClient):
    """Asks the simulator in Twilio's place."""

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        at = urlsplit(os.environ["TS_TWILIO_API_URL"])
        rehosted = urlunsplit(urlsplit(url)._replace(scheme=at.scheme, netloc=at.netloc))
        return super().request(method, rehosted, *args, **kwargs)


TRIED_AGAIN: Final[Mapping[str, Any]] = {
    "max_retries": None, "autoretry_for": (Exception,), "retry_backoff": 1, "retry_backoff_max": 5,
}  # fmt: skip


def client() -> Client:
    return Client(
        os.environ["TWILIO_ACCOUNT_SID"],
        os.environ["TWILIO_AUTH_TOKEN"].split(",")[0],
        http_client=_Rehosted(timeout=10),
    )


@app.task(**TRIED_AGAIN)
def send(text_id: str, to: str, sender: str, body: str) -> None:
    """What it does not know is that a fault may come after Twilio has taken the text."""
    callback = f"{os.environ['TS_PUBLIC_URL']}{CALLBACK}{text_id}"
    created = client().messages.create(to=to, from_=sender, body=body, status_callback=callback)
    with psycopg.connect(os.environ["TS_DATABASE_URL"], connect_timeout=5) as conn:
        conn.execute("update naive_texts set state = 'handed', sid = %s where id = %s", (created.sid, text_id))
