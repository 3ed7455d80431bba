"""One webhook before it is sent: what it says, what it is called, how it is signed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from ops.faultlab.keys import key_of

# The fields that the checker looks at.
JUDGED = ("CallSid", "CallStatus", "DialCallStatus", "MessageSid", "MessageStatus", "RecordingSid", "RecordingStatus")


@dataclass(frozen=True)
class Letter:
    """`at_s` counts from the beginning of its life. `body` None: the fields, encoded as Twilio does."""

    at_s: float
    kind: str
    path: str
    params: Mapping[str, str]
    token: str
    is_forged: bool = False
    poison: str = ""
    body: bytes | None = None

    @property
    def content(self) -> bytes:
        return urlencode(self.params).encode() if self.body is None else self.body

    @property
    def key(self) -> str:
        return key_of(self.kind, self.params, self.token)

    @property
    def body_sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def facts(self) -> dict[str, str]:
        return {name: self.params[name] for name in JUDGED if name in self.params}

    def headers(self, base_url: str, auth_token: str) -> dict[str, str]:
        """Signed by Twilio's own SDK; a forged letter by somebody who does not know the token."""
        signer = RequestValidator("somebody else's token" if self.is_forged else auth_token)
        return {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "User-Agent": "TwilioProxy/1.1",
            "I-Twilio-Idempotency-Token": self.token,
            "X-Twilio-Signature": signer.compute_signature(base_url + self.path, dict(self.params)),
        }
