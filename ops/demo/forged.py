"""The story of a webhook that Twilio did not sign: refused with 403, and nothing of it is kept."""

from uuid import uuid4

from ops.demo.check import need
from ops.demo.signing import call_status, post
from ops.demo.stage import Stage
from ops.demo_world import BUSINESS, FORGED_CUSTOMER

PATH = "/api/webhooks/status"


def forged(stage: Stage) -> str:
    account, token = stage.env["TWILIO_ACCOUNT_SID"], stage.env["TWILIO_AUTH_TOKEN"].split(",")[0]
    call_sid = f"CA{uuid4().hex}"
    true = call_status(account, call_sid, BUSINESS, FORGED_CUSTOMER, "completed", 0)
    url = stage.env["TS_PUBLIC_URL"].rstrip("/") + PATH
    forgeries = {
        "another key": post(url, true, uuid4().hex),
        "no signature": post(url, true, None),
        "a changed field": post(url, true | {"CallStatus": "failed"}, token, signed_as=true),
        "another account": post(url, true | {"AccountSid": f"AC{uuid4().hex}"}, token),
    }
    for name, forgery in forgeries.items():
        answer = stage.service.session.post(
            stage.service.url + PATH, data=forgery.body, headers=forgery.headers | {"Authorization": ""}, timeout=10
        )
        need(answer.status_code == 403, f"{name}: {answer.status_code} {answer.text[:200]}")
    need(not stage.events(call_sid), "a forged webhook was kept")
    return f"403 for {', '.join(forgeries)}; nothing kept"
