"""The parameters of voice webhooks, named and ordered as Twilio sends them."""

import json
import math
import zlib
from urllib.parse import quote

from ops.twilio_sim.clock import now
from ops.twilio_sim.resources.call import Call
from ops.twilio_sim.resources.dates import rfc2822
from ops.twilio_sim.voice.places import place_params
from ops.twilio_sim.webhooks.letter import Params, pairs

SIP_CODES = {"completed": "200", "busy": "486", "no-answer": "487", "canceled": "487", "failed": "404"}


def voice_params(call: Call, **more: str) -> Params:
    """What every webhook about `call` carries, blanks included, and `more`."""
    params = {
        "CallSid": call.sid,
        "AccountSid": call.account_sid,
        "From": call.from_,
        "To": call.to,
        "Caller": call.from_,
        "Called": call.to,
        "CallStatus": call.status,
        "ApiVersion": "2010-04-01",
        "Direction": call.direction,
    }
    for role, number in (("From", call.from_), ("To", call.to), ("Caller", call.from_), ("Called", call.to)):
        params |= place_params(role, number)
    return in_twilio_order(params | _known_of(call) | call.extra_params | more)


def status_params(call: Call, status: str, **more: str) -> Params:
    """`status` is the one this callback reports; a final one brings the durations along."""
    params = {
        "CallStatus": status,
        "Timestamp": rfc2822(now()) or "",
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(call.next_sequence()),
    }
    if status in SIP_CODES:
        seconds = call.duration_s or 0
        minutes = math.ceil(seconds / 60)  # Duration is what is billed
        params |= {"CallDuration": str(seconds), "Duration": str(minutes), "SipResponseCode": SIP_CODES[status]}
    return voice_params(call, **(params | more))


def in_twilio_order(params: dict[str, str]) -> Params:
    """Twilio's order is that of a hash table: stable, and neither alphabetic nor meaningful."""
    return sorted(pairs(params), key=lambda pair: zlib.crc32(pair[0].encode()))


def _known_of(call: Call) -> dict[str, str]:
    known: dict[str, str] = {}
    if call.direction == "inbound":
        known["CallToken"] = _call_token(call)
    for name, value in (
        ("ParentCallSid", call.parent_call_sid),
        ("CallerName", call.caller_name),
        ("ForwardedFrom", call.forwarded_from),
        ("AnsweredBy", call.answered_by if call.tells_amd else None),
        ("MachineDetectionDuration", str(call.amd_ms or 0) if call.tells_amd else None),
    ):
        if value:
            known[name] = value
    return known


def _call_token(call: Call) -> str:
    """Looks like Twilio's; its token is no JWT that anybody could verify."""
    return quote(json.dumps({"parentCallInfoToken": f"simulated.{call.sid}", "identityHeaderTokens": []}))
