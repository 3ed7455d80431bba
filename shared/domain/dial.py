"""`<Dial>`: whom it rings, how long, whose number they see, and what our callbacks must know of it later."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.domain.markup import Attributes, element, text
from shared.domain.phone import is_e164, is_reachable
from shared.domain.routing import Number, Target
from shared.domain.urls import Urls

RECORDED: Final = "in-progress completed absent"
_LEG_EVENTS: Final = "answered completed"


@dataclass(frozen=True, slots=True)
class Dialling:
    """One `<Dial>` of a call. `caller` is the number as Twilio gave it, `call_sid` "" where it gave none of that form.

    `step` counts from 1. `is_answered`: the caller has heard something already, so the line is open.
    """

    number: Number
    caller: str
    call_sid: str
    targets: tuple[Target, ...]
    step: int = 1
    records: bool = False
    is_emergency: bool = False
    is_answered: bool = False


def dial(what: Dialling, urls: Urls) -> str:
    """The verb. The caller hears the phone's own ringing (answerOnBridge), and pays nothing until somebody answers."""
    attributes: Attributes = {
        "action": urls.to(
            "/api/calls/dial-result",
            step=what.step,
            rec=int(what.records),
            emergency="1" if what.is_emergency else "",
        ),
        "timeout": str(ring_s(what.number, what.targets)),
        "callerId": caller_id(what.number, what.caller),
        "answerOnBridge": "" if what.is_answered else "true",
    }
    if what.records:
        attributes |= {"record": "record-from-answer-dual"} | recording_callback(urls, what.call_sid)
    return element("Dial", attributes, "".join(_noun(what, target, urls) for target in what.targets))


def ring_s(number: Number, targets: Sequence[Target]) -> int:
    """For how long these are rung. Twilio rings all phones of one `<Dial>` equally long, so the longest time counts."""
    usual = number.routing.ring_s
    return max((target.ring_s or usual for target in targets), default=usual)


def caller_id(number: Number, caller: str) -> str:
    """Whose number the phones show; "" leaves the caller's. A withheld one cannot be passed on (Twilio error 13214)."""
    if number.routing.caller_id == "caller" and is_reachable(caller):
        return ""
    return number.phone_number if is_e164(number.phone_number) else ""


def recording_callback(urls: Urls, call_sid: str) -> Attributes:
    """Where a recording reports. `absent` must be asked for, or nobody learns that none came."""
    return {
        "recordingStatusCallback": urls.to("/api/webhooks/recording", call=call_sid),
        "recordingStatusCallbackEvent": RECORDED,
    }


def _noun(what: Dialling, target: Target, urls: Urls) -> str:
    attributes: Attributes = {
        "statusCallback": urls.to("/api/webhooks/call", parent=what.call_sid),
        "statusCallbackEvent": _LEG_EVENTS,
    }
    screening = what.number.routing.screening
    if screening == "press":
        number = what.number.phone_number
        whose = number[1:] if is_e164(number) else ""
        attributes["url"] = urls.to("/api/calls/whisper", call=what.call_sid, number=whose)
    kind, address = _kind(target.to)
    if screening == "amd" and kind != "Client":  # an app has no answering machine, and Twilio none for it
        attributes |= {
            "machineDetection": "Enable",
            "amdStatusCallback": urls.to("/api/webhooks/amd", call=what.call_sid),
        }
    return element(kind, attributes, text(address))


def _kind(to: str) -> tuple[str, str]:
    if to.startswith("client:"):
        return "Client", to.removeprefix("client:")
    return ("Sip", to) if to.startswith(("sip:", "sips:")) else ("Number", to)
