"""An IncomingPhoneNumber: a number of the account, and where its calls and texts are announced."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ops.twilio_sim.clock import now
from ops.twilio_sim.resources.dates import rfc2822

# JSON name -> form name, for everything a client may set.
SETTABLE = {
    "friendly_name": "FriendlyName",
    "voice_url": "VoiceUrl",
    "voice_method": "VoiceMethod",
    "voice_fallback_url": "VoiceFallbackUrl",
    "voice_fallback_method": "VoiceFallbackMethod",
    "status_callback": "StatusCallback",
    "status_callback_method": "StatusCallbackMethod",
    "sms_url": "SmsUrl",
    "sms_method": "SmsMethod",
    "sms_fallback_url": "SmsFallbackUrl",
    "sms_fallback_method": "SmsFallbackMethod",
    "voice_application_sid": "VoiceApplicationSid",
    "sms_application_sid": "SmsApplicationSid",
    "trunk_sid": "TrunkSid",
}


@dataclass
class Number:
    sid: str
    account_sid: str
    phone_number: str
    friendly_name: str = ""
    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"
    sms_url: str = ""
    sms_method: str = "POST"
    sms_fallback_url: str = ""
    sms_fallback_method: str = "POST"
    voice_application_sid: str = ""
    sms_application_sid: str = ""
    trunk_sid: str = ""
    segments_per_s: float = 0.0  # 0: what its kind may
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)

    def change(self, wishes: dict[str, str]) -> None:
        """Sets what `wishes` names by JSON name. Raises ValueError for an unknown name or HTTP method."""
        for name, value in wishes.items():
            if name not in SETTABLE:
                raise ValueError(f"unknown key {name!r}")
            if name.endswith("_method") and value.upper() not in ("GET", "POST"):
                raise ValueError(f"{name} must be GET or POST")
        for name, value in wishes.items():
            setattr(self, name, value.upper() if name.endswith("_method") else value)
        self.updated_at = now()

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in SETTABLE} | self._overrides() | self._fixed()

    def _overrides(self) -> dict[str, str | None]:
        """None, not blank, where there is none: their form is that of a SID."""
        return {name: getattr(self, name) or None for name in SETTABLE if name.endswith("_sid")}

    def _fixed(self) -> dict[str, Any]:
        path = f"/2010-04-01/Accounts/{self.account_sid}/IncomingPhoneNumbers/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "phone_number": self.phone_number,
            "friendly_name": self.friendly_name or self.phone_number,
            "address_requirements": "none",
            "address_sid": None,
            "api_version": "2010-04-01",
            "beta": False,
            "bundle_sid": None,
            "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
            "date_created": rfc2822(self.created_at),
            "date_updated": rfc2822(self.updated_at),
            "emergency_address_sid": None,
            "emergency_address_status": "unregistered",
            "emergency_status": "Inactive",
            "identity_sid": None,
            "origin": "twilio",
            "status": "in-use",
            "type": "local",
            "uri": path + ".json",
            "voice_caller_id_lookup": False,
            "voice_receive_mode": "voice",
        }
