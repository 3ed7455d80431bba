"""What a webhook is called, worked out a second time: from Twilio's fields, not with the service's code.

One happening, one key: retries and copies of it meet. What Twilio legitimately sends several times in one call (the
result of a dial) is told apart by its idempotency token.
"""

from collections.abc import Mapping


def key_of(kind: str, params: Mapping[str, str], token: str) -> str:
    """The key of a webhook of this `kind`: call-in, call-status, dial, rec, msg-in or msg-status."""
    match kind:
        case "call-in":
            return f"call-in:{params['CallSid']}"
        case "call-status":
            return f"call-status:{params['CallSid']}:{params['CallStatus']}"
        case "dial":
            return f"dial:{params['CallSid']}:{token}"
        case "rec":
            return f"rec:{params['RecordingSid']}:{params['RecordingStatus']}"
        case "msg-in":
            return f"msg-in:{params['MessageSid']}"
        case "msg-status":
            code = f":{params['ErrorCode']}" if params.get("ErrorCode") else ""
            return f"msg-status:{params['MessageSid']}:{params['MessageStatus']}{code}"
    raise ValueError(f"no rule for {kind}")


def kind_of(params: Mapping[str, str]) -> str:
    """For those who are not told the kind (the naive service). Only the kinds that the traffic has."""
    if "RecordingSid" in params:
        return "rec"
    if "MessageSid" in params:
        return "msg-in" if params.get("MessageStatus", params.get("SmsStatus")) in (None, "received") else "msg-status"
    if "DialCallStatus" in params:
        return "dial"
    return "call-status" if "CallbackSource" in params else "call-in"
