"""How a text would go: from whom, in how many parts, when, and whether it may. Stores nothing; `shared.texts` does."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from psycopg import Connection

from shared import permissions
from shared.db import numbers, pacing, senders
from shared.domain import media_rules, segments
from shared.domain.lanes import VALIDITY_S, lane_of
from shared.domain.law import Law
from shared.domain.permission import Decision
from shared.domain.segments import Measured
from shared.domain.senders import default_rate, kind_of


class NoSender(Exception):
    """There is nobody to send from. `detail` says why."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom a text comes from. Without a number, Twilio chooses one of the Messaging Service."""

    from_number: str
    service_sid: str | None
    tenant_id: str | None

    @property
    def sender(self) -> str:
        """Whose pace it keeps."""
        return self.from_number or self.service_sid or ""


@dataclass(frozen=True, slots=True)
class Planned:
    """A text before it is kept. `cost` is in segments of its sender's pace. `not_before` None: it may go at once."""

    origin: Origin
    owner: str
    body: str
    lane: int
    measured: Measured
    cost: int
    decision: Decision
    not_before: datetime | None
    expires_at: datetime
    estimated_send_at: datetime

    @property
    def refusal(self) -> Literal["not_permitted", "queue_too_long"] | None:
        """Why it would not be sent: a rule says so, or it would be too late."""
        if self.decision.verdict == "refused":
            return "not_permitted"
        return "queue_too_long" if self.estimated_send_at >= self.expires_at else None


def origin(conn: Connection, wanted: Mapping[str, Any]) -> Origin:
    """The sender that was asked for, or the tenant's. Raises NoSender."""
    tenant_id, chosen, service_sid = wanted["tenant_id"], wanted.get("from_"), wanted["messaging_service_sid"]
    if service_sid:
        return Origin("", service_sid, tenant_id)
    if chosen:
        return Origin(chosen, None, tenant_id or numbers.tenant_of(conn, chosen))
    if not tenant_id:
        raise NoSender("is missing, and no tenant_id to choose by")
    number = senders.choose(conn, tenant_id=tenant_id, to=wanted["to"])
    if number is None:
        raise NoSender("the tenant has no number to send from")
    return Origin(number, None, tenant_id)


def plain(wanted: Mapping[str, Any]) -> str:
    """The body as it will be sent: with look-alikes replaced, where that was asked for and saves something."""
    return segments.smart(wanted["body"])[0] if wanted["smart_encoding"] else wanted["body"]


def plan(
    conn: Connection,
    wanted: Mapping[str, Any],
    came_from: Origin,
    *,
    client: str,
    in_bulk: bool,
    law: Law,
    now: datetime,
) -> Planned:
    """What would become of the text `wanted` (as `SmsRequestSchema` gives it) if it were asked for `now`.

    Its validity runs from the moment on that it may go, so a night's quiet does not use it up.
    """
    body, lane = plain(wanted), lane_of(wanted["purpose"], in_bulk=in_bulk)
    measured = segments.measure(body)
    decision = _decision(conn, wanted, came_from, law, now)
    may_go_at = max(filter(None, (now, wanted["send_at"], decision.held_until)))
    wait_s = pacing.ahead(conn, came_from.sender, lane) / rate_of(conn, came_from.sender)
    return Planned(
        origin=came_from,
        owner=came_from.tenant_id or client,
        body=body,
        lane=lane,
        measured=measured,
        cost=media_rules.PACED_SEGMENTS if wanted["media_urls"] else measured.segments,
        decision=decision,
        not_before=may_go_at if may_go_at > now else None,
        expires_at=may_go_at + timedelta(seconds=wanted["validity_s"] or VALIDITY_S[lane]),
        estimated_send_at=max(may_go_at, now + timedelta(seconds=wait_s)),
    )


def rate_of(conn: Connection, sender: str) -> float:
    """Segments a second that the sender may send: its own, or those of its kind."""
    known = senders.find(conn, [sender])
    return (known[0].segments_per_s if known else None) or default_rate(kind_of(sender))


def _decision(conn: Connection, wanted: Mapping[str, Any], came_from: Origin, law: Law, now: datetime) -> Decision:
    asked = permissions.question(
        to=wanted["to"], from_=came_from.from_number, service_sid=came_from.service_sid, tenant_id=came_from.tenant_id,
        purpose=wanted["purpose"],
    )  # fmt: skip
    return permissions.ask(conn, law, [asked], now=now)[0]
