"""The Flask side of a naive sender: a row, a task, an answer; and the callbacks of what was sent."""

import os
from typing import Any

from flask import Flask, Response, abort, request
from psycopg_pool import ConnectionPool
from twilio.request_validator import RequestValidator

from ops.faultlab.naive.texts import send

app = Flask(__name__)
validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"].split(",")[0])
pool = ConnectionPool(os.environ["TS_DATABASE_URL"], min_size=1, max_size=8, open=True)
INSERT = """
    insert into naive_texts (key, sender, to_number, body) values (%(key)s, %(from)s, %(to)s, %(body)s)
    on conflict (key) do update set key = excluded.key returning id::text
"""


@app.get("/readyz")
def ready() -> str:
    return "ready"


@app.post("/api/sms/send")
def take() -> tuple[dict[str, Any], int]:
    wanted = request.get_json() | {"key": request.headers["Idempotency-Key"]}
    with pool.connection() as conn:
        row = conn.execute(INSERT, wanted).fetchone()
    assert row is not None
    send.delay(row[0], wanted["to"], wanted["from"], wanted["body"])  # type: ignore[attr-defined]
    return {"id": row[0]}, 202


@app.post("/api/webhooks/status")
def status() -> Response:
    url = os.environ["TS_PUBLIC_URL"] + request.full_path
    if not validator.validate(url, request.form, request.headers.get("X-Twilio-Signature", "")):
        abort(403)
    with pool.connection() as conn:
        conn.execute(
            "update naive_texts set status = %s where id = %s",
            (request.form["MessageStatus"], request.args["message_id"]),
        )
    return Response(status=204)
