"""The sibling services' door: their key, their spelling, their answers."""

from functools import partial
from typing import Any

from flask import Blueprint, Response

from ingress.answer import Answer
from ingress.api import schemas, texts
from ingress.api.waiting import Waits
from ingress.service_guard import require_service
from shared.db.texts import Text
from shared.runtime import Runtime


def blueprint(rt: Runtime, waits: Waits) -> Blueprint:
    """The routes below /internal."""
    routes = Blueprint("internal", __name__)
    routes.add_url_rule("/sms/send", "send", partial(send, rt, waits), methods=["POST"])
    return routes


def send(rt: Runtime, waits: Waits) -> Response:
    """202; they keep no SID while `messageSid` is null."""
    return texts.send(rt, waits, require_service(rt), schemas.PLATFORM_TEXT, _accepted)


def _accepted(message: Text) -> Answer:
    body: dict[str, Any] = {
        "success": True,
        "messageSid": message.message_sid,
        "id": str(message.id),
        "status": message.state,
        "to": message.to_number,
        "from": message.from_number or None,
        "tenantId": message.tenant_id,
    }
    return Answer(202, body, {"Location": f"/api/sms/{message.id}"})
