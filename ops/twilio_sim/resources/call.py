"""A Call: one leg between Twilio and a phone, and the steps it went through."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ops.twilio_sim.clock import now
from ops.twilio_sim.resources.dates import rfc2822
from ops.twilio_sim.webhooks.letter import Letter

FINAL = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
SUBRESOURCES = ("notifications", "recordings", "events", "payments", "siprec", "streams", "transcriptions")


@dataclass
class Call:
    """`duration_s` counts seconds of the world; the dates are real ones. Both agree at speed 1.

    `held` is a callback that lets the next one go first. `amd_ms` is how long it took to tell a human from a
    machine; `tells_amd` says that usual webhooks carry the verdict, which they do only when the call had to
    wait for it.
    """

    sid: str
    account_sid: str
    from_: str
    to: str
    direction: str
    status: str
    parent_call_sid: str | None = None
    phone_number_sid: str | None = None
    caller_name: str | None = None
    forwarded_from: str | None = None
    answered_by: str | None = None
    amd_ms: int | None = None
    tells_amd: bool = False
    is_silent: bool = False
    born_s: float = 0.0  # by the world's clock
    start_at: datetime | None = None
    end_at: datetime | None = None
    duration_s: int | None = None
    extra_params: dict[str, str] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    children: list["Call"] = field(default_factory=list)
    held: Letter | None = None
    sequence: int = 0
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)

    @property
    def is_over(self) -> bool:
        return self.status in FINAL

    def move(self, status: str) -> None:
        """A final state never changes."""
        if self.is_over:
            return
        self.status, self.updated_at = status, now()
        if status == "in-progress" and self.start_at is None:
            self.start_at = self.updated_at
        if self.is_over:
            self.start_at = self.start_at or self.updated_at
            self.end_at = self.updated_at

    def next_sequence(self) -> int:
        number, self.sequence = self.sequence, self.sequence + 1
        return number

    def note(self, verb: str, **details: Any) -> dict[str, Any]:
        """Adds a step for people and tests to read; answers it, so that its outcome can be added later."""
        step = {"verb": verb, **details}
        self.steps.append(step)
        return step

    def as_json(self) -> dict[str, Any]:
        path = f"/2010-04-01/Accounts/{self.account_sid}/Calls/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "parent_call_sid": self.parent_call_sid,
            "phone_number_sid": self.phone_number_sid,
            "from": self.from_,
            "from_formatted": formatted(self.from_),
            "to": self.to,
            "to_formatted": formatted(self.to),
            "direction": self.direction,
            "status": self.status,
            "answered_by": self.answered_by,
            "caller_name": self.caller_name or "",
            "forwarded_from": self.forwarded_from,
            "start_time": rfc2822(self.start_at),
            "end_time": rfc2822(self.end_at),
            "duration": None if self.duration_s is None else str(self.duration_s),
            "price": None,
            "price_unit": "USD",
            "group_sid": None,
            "trunk_sid": None,
            "queue_time": "0",
            "api_version": "2010-04-01",
            "date_created": rfc2822(self.created_at),
            "date_updated": rfc2822(self.updated_at),
            "uri": path + ".json",
            "subresource_uris": {name: f"{path}/{name.title()}.json" for name in SUBRESOURCES},
        }


def formatted(number: str) -> str:
    """`(415) 867-5308` for a number of the North American plan, anything else as it is."""
    if len(number) == 12 and number.startswith("+1") and number[1:].isdigit():
        return f"({number[2:5]}) {number[5:8]}-{number[8:]}"
    return number
