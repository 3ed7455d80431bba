"""A Messaging Service: a pool of numbers whose incoming texts go to its own address, unless it leaves them to theirs."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ops.twilio_sim.clock import now
from ops.twilio_sim.resources.number import Number

BASE = "https://messaging.twilio.com/v1/Services"


@dataclass
class Service:
    sid: str
    account_sid: str
    friendly_name: str
    number_sids: list[str] = field(default_factory=list)
    use_inbound_webhook_on_number: bool = False
    advanced_opt_out: bool = False
    keywords: dict[str, list[str]] = field(default_factory=dict)
    created_at: datetime = field(default_factory=now)

    def as_json(self) -> dict[str, Any]:
        made = f"{self.created_at:%Y-%m-%dT%H:%M:%SZ}"
        url = f"{BASE}/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "friendly_name": self.friendly_name,
            "date_created": made,
            "date_updated": made,
            "inbound_request_url": None,
            "inbound_method": "POST",
            "fallback_url": None,
            "fallback_method": "POST",
            "status_callback": None,
            "sticky_sender": True,
            "mms_converter": True,
            "smart_encoding": True,
            "scan_message_content": "inherit",
            "fallback_to_long_code": True,
            "area_code_geomatch": True,
            "synchronous_validation": False,
            "validity_period": 14400,
            "url": url,
            "links": {"phone_numbers": f"{url}/PhoneNumbers"},
            "usecase": "undeclared",
            "us_app_to_person_registered": False,
            "use_inbound_webhook_on_number": self.use_inbound_webhook_on_number,
        }

    def member_as_json(self, number: Number) -> dict[str, Any]:
        made = f"{self.created_at:%Y-%m-%dT%H:%M:%SZ}"
        return {
            "sid": number.sid,
            "account_sid": self.account_sid,
            "service_sid": self.sid,
            "date_created": made,
            "date_updated": made,
            "phone_number": number.phone_number,
            "country_code": "US",
            "capabilities": ["SMS", "MMS", "Voice"],
            "url": f"{BASE}/{self.sid}/PhoneNumbers/{number.sid}",
        }
