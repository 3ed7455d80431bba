"""The Flask side of the naive service: validate, publish, answer."""

import os

from flask import Flask, Response, abort, request
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from twilio.request_validator import RequestValidator

from ops.faultlab.naive.tasks import store

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])
public_url = os.environ["TS_PUBLIC_URL"]


@app.get("/readyz")
def ready() -> str:
    return "ready"


@app.post("/api/<path:what>")
def webhook(what: str) -> Response:
    body = request.get_data(cache=True)
    signature = request.headers.get("X-Twilio-Signature", "")
    if not validator.validate(public_url + request.path, request.form.to_dict(), signature):
        abort(403)
    token = request.headers.get("I-Twilio-Idempotency-Token", "")
    try:
        store.apply_async((request.form.to_dict(), token, body.decode("latin-1")))
    except (OperationalError, RedisError):
        abort(503)
    return Response(status=204)
