"""The Celery side of a naive service for calls: a task per thing to do, and another try after any fault."""

import os
from typing import Any

import requests

from ops.faultlab.naive.texts import TRIED_AGAIN, app, client

TENANT = "7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0001"
SAYS = "<Response><Say>Hello</Say></Response>"
MISSED = ("no-answer", "busy", "failed", "canceled")


@app.task(**TRIED_AGAIN)
def place(call_id: str, to: str, sender: str) -> None:
    """What it does not know is that a fault may come after Twilio has placed the call."""
    callback = f"{os.environ['TS_PUBLIC_URL']}/api/webhooks/call?call_id={call_id}"
    client().calls.create(to=to, from_=sender, twiml=SAYS, status_callback=callback)


@app.task(**TRIED_AGAIN)
def tell(what: str, call: dict[str, Any]) -> None:
    """What it does not know is that tasks overtake each other, and that the same webhook comes twice."""
    if not call["From"].startswith("+"):
        return  # who shows no number is refused, however often
    body = {**call, "callSid": call["CallSid"], "callStatus": "no-answer", "callDuration": 0, "tenantId": TENANT}
    answer = requests.post(
        f"{os.environ['TS_AS_CALL_SERVICE_URL']}/calls/{what}",
        json=body | {"endTime": call["timestamp"]},
        headers={"X-Service-Key": os.environ["INTERNAL_SERVICE_KEY"]},
        timeout=15,
    )
    answer.raise_for_status()
