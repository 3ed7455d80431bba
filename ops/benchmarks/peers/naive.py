"""The webhook as tutorials write it: Flask, the SDK's validator, and one Celery task per webhook."""

import os

from celery import Celery
from flask import Flask, Response, abort, request
from twilio.request_validator import RequestValidator

celery = Celery("naive", broker=os.environ["TS_REDIS_URL"])
validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"].split(",")[0])
app = Flask(__name__)


@celery.task(name="naive.process", ignore_result=True)
def process(form: dict[str, str]) -> None:
    """Would do the work; nobody runs it here, the benchmark counts what is queued."""


@app.post("/api/webhooks/status")
def status() -> Response:
    url = os.environ["TS_PUBLIC_URL"] + request.path  # behind a proxy request.url is not what Twilio has signed
    if not validator.validate(url, request.form, request.headers.get("X-Twilio-Signature", "")):
        abort(403)
    process.delay(request.form.to_dict())  # type: ignore[attr-defined]
    return Response(status=204)


@app.get("/readyz")
def readyz() -> str:
    return "ready\n"
