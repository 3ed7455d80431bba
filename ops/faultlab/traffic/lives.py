"""The lives of calls and texts, as webhooks in time: drawn from a seed, so that a run can be repeated.

A twentieth of the webhooks arrive late, behind those that should follow them; a tenth arrive twice.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from uuid import UUID

from ops.faultlab.traffic.letter import Letter
from ops.faultlab.traffic.poison import poisons

BUSINESS, OWNER = "+14155550100", "+14155550199"
AREAS = ("212", "305", "312", "404", "503", "617", "702", "808")

LATE, DOUBLED, FORGED, POISON = 0.05, 0.10, 0.01, 0.004  # shares of the webhooks
LATE_BY_S = (1.0, 3.0)
# Kind of life -> how often. Texts are many, missed calls few: each of those has a text sent and four callbacks of its own.
WEIGHTS = {"text_in": 24, "text_out": 14, "answered_call": 8, "missed_call": 1}
LETTERS_A_LIFE = 2.5 * (1 + DOUBLED + FORGED)  # of this mix; the rate of lives follows from it

INCOMING, STATUS, DIAL = "/api/calls/incoming", "/api/webhooks/status", "/api/calls/dial-result"
TEXT, RECORDING = "/api/sms/incoming", "/api/webhooks/recording"


class Draw:
    """All that is random about life number `number` under `seed`."""

    def __init__(self, seed: int, number: int, account_sid: str) -> None:
        self.random = random.Random(f"{seed}/{number}")
        self.account_sid = account_sid
        area = self.random.choice(AREAS)
        self.customer = f"+1{area}55501{self.random.randrange(100):02}"

    def sid(self, prefix: str) -> str:
        return f"{prefix}{self.random.getrandbits(128):032x}"

    def letter(self, at_s: float, kind: str, path: str, params: dict[str, str]) -> Letter:
        token = str(UUID(int=self.random.getrandbits(128), version=4))
        common = {"AccountSid": self.account_sid, "ApiVersion": "2010-04-01"}
        return Letter(at_s, kind, path, {**common, **params}, token)


def lives(seed: int, account_sid: str) -> Iterator[list[Letter]]:
    """One life after the other, without end."""
    for number in count():
        draw = Draw(seed, number, account_sid)
        tell = _TALES[draw.random.choices([*WEIGHTS], [*WEIGHTS.values()])[0]]
        yield sorted(_as_networks_do(draw, tell(draw)), key=lambda letter: letter.at_s)


def text_out_sids(life: list[Letter]) -> set[str]:
    """The texts of ours that this life reports on: the service must know them beforehand."""
    return {x.params["MessageSid"] for x in life if x.kind == "msg-status" and not x.is_forged}


def _as_networks_do(draw: Draw, letters: list[Letter]) -> Iterator[Letter]:
    for place, letter in enumerate(letters):
        late = place > 0 and draw.random.random() < LATE
        sent = replace(letter, at_s=letter.at_s + (draw.random.uniform(*LATE_BY_S) if late else 0))
        yield sent
        if draw.random.random() < DOUBLED:
            yield replace(sent, at_s=sent.at_s + draw.random.choice([0.0, 0.02, 1.5]))
        if draw.random.random() < FORGED:
            yield replace(text(draw, sent.at_s), is_forged=True)
        if draw.random.random() < POISON:
            yield draw.random.choice(poisons(text(draw, sent.at_s)))


def text(draw: Draw, at_s: float) -> Letter:
    sid = draw.sid("SM")
    return draw.letter(at_s, "msg-in", TEXT, {
        "MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "SmsStatus": "received", "From": draw.customer,
        "To": BUSINESS, "Body": draw.random.choice(["Hello", "Grüße & ünïcode ☎", "Is 9 + 1 = 10 okay?"]),
        "NumSegments": "1", "NumMedia": "0", "FromCity": "", "FromState": "NY", "FromCountry": "US",
    })  # fmt: skip


def _text_in(draw: Draw) -> list[Letter]:
    return [text(draw, 0.0)]


def _text_out(draw: Draw) -> list[Letter]:
    sid, end = draw.sid("SM"), draw.random.choice(["delivered", "delivered", "delivered", "undelivered"])
    return [
        draw.letter(at_s, "msg-status", STATUS, {
            "MessageSid": sid, "SmsSid": sid, "MessageStatus": status, "SmsStatus": status, "From": BUSINESS,
            "To": draw.customer, **({"ErrorCode": "30003"} if status == "undelivered" else {}),
        })
        for at_s, status in ((0.0, "sending"), (0.3, "sent"), (1.0, end))
    ]  # fmt: skip


def _call(draw: Draw, sid: str, at_s: float, kind: str, path: str, **more: str) -> Letter:
    parties = {"Called": BUSINESS, "To": BUSINESS, "Caller": draw.customer, "From": draw.customer}
    return draw.letter(at_s, kind, path, {"CallSid": sid, "Direction": "inbound", **parties, **more})


def _status(draw: Draw, sid: str, at_s: float, status: str, sequence: int, **more: str) -> Letter:
    told = {"CallStatus": status, "CallbackSource": "call-progress-events", "SequenceNumber": str(sequence), **more}
    return _call(draw, sid, at_s, "call-status", STATUS, **told)


def _answered_call(draw: Draw) -> list[Letter]:
    sid, recording = draw.sid("CA"), draw.sid("RE")
    about = {"CallSid": sid, "RecordingSid": recording, "RecordingSource": "DialVerb", "RecordingChannels": "2"}
    dialled = {"DialCallSid": draw.sid("CA"), "DialCallStatus": "completed", "DialBridged": "true"}
    return [
        _call(draw, sid, 0.0, "call-in", INCOMING, CallStatus="ringing"),
        _status(draw, sid, 0.3, "in-progress", 1),
        draw.letter(0.4, "rec", RECORDING, {**about, "RecordingStatus": "in-progress"}),
        _call(draw, sid, 2.0, "dial", DIAL, CallStatus="in-progress", DialCallDuration="12", **dialled),
        _status(draw, sid, 2.2, "completed", 2, CallDuration="14", Duration="1"),
        # Twilio's word for "no sound": an end that needs no media behind it.
        draw.letter(2.6, "rec", RECORDING, {**about, "RecordingStatus": "absent"}),
    ]


def _missed_call(draw: Draw) -> list[Letter]:
    sid, end = draw.sid("CA"), draw.random.choice(["no-answer", "busy", "failed"])
    dialled = {"DialCallSid": draw.sid("CA"), "DialCallStatus": end, "DialBridged": "false"}
    return [
        _call(draw, sid, 0.0, "call-in", INCOMING, CallStatus="ringing"),
        _call(draw, sid, 1.5, "dial", DIAL, CallStatus="in-progress", **dialled),
        _status(draw, sid, 1.8, "completed", 1, CallDuration="3", Duration="1"),
    ]


_TALES = {"text_in": _text_in, "text_out": _text_out, "answered_call": _answered_call, "missed_call": _missed_call}
