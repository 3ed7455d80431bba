"""Knows how as-call-service has a text sent: it asks twilio-server, with the platform's service key, and waits."""

from dataclasses import dataclass

import requests

from ops.standins.books import Call
from ops.standins.envelope import Refused

TEXT = "Hi! Sorry we missed your call. How can we help you today? Please reply with details about what you need."

# Below the 15 s our client gives as-call-service: a slow text must become its 502, not our timeout.
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Sent:
    """`message_sid` is None when twilio-server has only queued the text so far."""

    message_sid: str | None
    body: str


def send(ts_url: str, service_key: str, call: Call) -> Sent:
    """Ask for the text to this call's customer. Raises Refused (502) when twilio-server does not take it."""
    job = {"to": call.customer_phone, "from": call.business_phone, "body": TEXT, "tenantId": call.tenant_id}
    try:
        answer = requests.post(
            f"{ts_url}/internal/sms/send", json=job, headers={"X-Service-Key": service_key}, timeout=PATIENCE_S
        )
        answer.raise_for_status()
        message_sid = answer.json().get("messageSid")
    except (requests.RequestException, AttributeError) as error:
        raise Refused(502, "SERVICE_ERROR", f"Failed to send auto-response SMS: {error}") from error
    return Sent(message_sid, TEXT)
