"""What as-call-service is told, in its own words.

Its running code and its written design spell some keys differently and ignore what they do not know, so bodies carry both
spellings.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any


def body(type_: str, data: Mapping[str, Any], created_at: datetime) -> dict[str, Any] | None:
    """The body for a notification of this type; None: it has no door for that."""
    match type_:
        case "call.incoming":
            return incoming(data)
        case "call.missed":
            return missed(data, created_at)
        case "sms.received":
            return received(data)
    return None


def incoming(data: Mapping[str, Any]) -> dict[str, Any]:
    """Body of POST /calls/incoming.

    The call came in ringing, whatever has become of it: told late, a word like `no-answer` would be refused for ever by its
    record, which cannot hold it.
    """
    told = {
        "CallSid": data["call_sid"],
        "From": data["from"],
        "To": data["to"],
        "CallStatus": "ringing",
        "Direction": data["direction"],
    }
    camel = {name[0].lower() + name[1:]: value for name, value in told.items()}
    return {**told, **camel, "tenantId": data["tenant_id"], "timestamp": data["started_at"]}


def missed(data: Mapping[str, Any], created_at: datetime) -> dict[str, Any]:
    """Body of POST /calls/missed. Where the call's own end is not known yet, what it ended with is: the decision."""
    return {
        "callSid": data["call_sid"],
        "callStatus": data["missed_status"],
        "callDuration": data["duration_s"] or 0,
        "endTime": data["ended_at"] or created_at.isoformat(),
        "tenantId": data["tenant_id"],
    }


def received(data: Mapping[str, Any]) -> dict[str, Any]:
    """Body of POST /conversations/{id}/messages."""
    return {
        "messageSid": data["message_sid"],
        "body": data["body"] or "(media)",  # the service refuses an empty body; an MMS may have none
        "from": data["from"],
        "to": data["to"],
        "timestamp": data["received_at"],
        "media": data["media"],
    }


def written(document: Mapping[str, Any]) -> str:
    """The text that is sent."""
    return json.dumps(document)
