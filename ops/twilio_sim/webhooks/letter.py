"""A webhook before it is sent and the answer that came back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Params = list[tuple[str, str]]


@dataclass(frozen=True)
class Letter:
    """`kind` is one of voice, voice-fallback, dial-action, record-action, gather-action, whisper, call-status,
    recording-status, transcription, amd, debugger, sms, sms-fallback, message-status, or what a caller of /sim/webhook says
    (custom).

    `tamper` forges the signature: "forged" sends a wrong one, "missing" sends none.

    `voice` tells products apart, because Twilio signs https URLs of calls without their port.
    """

    kind: str
    sid: str
    url: str
    params: Params
    token: str
    method: str = "POST"
    voice: bool = False
    tamper: str = ""

    @property
    def about(self) -> tuple[str, str, str]:
        """What tells it from the other callbacks of the same thing, in every run with the same seed."""
        return self.kind, self.sid, next((value for name, value in self.params if name.endswith("Status")), "")


@dataclass(frozen=True)
class Answer:
    """`failure` is the retry class (4xx, 5xx, ct, rt) or `partial`, `url`, or empty when a complete 2xx came.

    `error_code` is the number Twilio would log and hand to the fallback URL.
    """

    http_status: int | None = None
    body: bytes = b""
    content_type: str = ""
    failure: str = ""
    error: str = ""
    error_code: int = 0
    final_url: str = ""
    location: str = ""
    entry_id: int = field(default=0, compare=False)

    @property
    def is_complete(self) -> bool:
        return not self.failure

    @property
    def outcome(self) -> str:
        """ok: a complete 2xx was read; fail: refused with 4xx; info: nobody knows whether it counted."""
        if self.is_complete:
            return "ok"
        return "fail" if self.failure == "4xx" else "info"


def pairs(params: Mapping[str, str | list[str]]) -> Params:
    """A list value is a name that occurs more than once. Lone surrogates become `?`: they have no UTF-8."""
    found: Params = []
    for name, value in params.items():
        values = value if isinstance(value, list) else [value]
        found += [(_utf8(name), _utf8(str(v))) for v in values]
    return found


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
