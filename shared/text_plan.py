"""How texts would go: from whom, in how many parts, when, and whether they may. Stores nothing but whom a person knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from psycopg import Connection

from shared import permissions, recipients
from shared.db import pacing, senders
from shared.db.pacing import Standing
from shared.domain import media_rules, segments
from shared.domain.lanes import VALIDITY_S, lane_of
from shared.domain.law import Law
from shared.domain.permission import Decision
from shared.domain.segments import Measured
from shared.domain.senders import default_rate, likely_kind


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
class Draft:
    """What is to be said (`wanted` is as `SmsRequestSchema` gives it), in which lane. `cost`: segments of its sender's pace."""

    wanted: Mapping[str, Any]
    body: str
    lane: int
    measured: Measured
    cost: int


@dataclass(frozen=True, slots=True)
class Planned:
    """A text before it is kept. `not_before` None: it may go at once. `segments_per_s` is its sender's.

    `estimated_send_at`: when it leaves if all that wait at its sender now, in its lane and above, go before it and nobody
    else comes; of queues with a thousand texts and more about that (`pacing.AHEAD`).
    """

    draft: Draft
    origin: Origin
    owner: str
    segments_per_s: float
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


def plain(wanted: Mapping[str, Any]) -> str:
    """The body as it will be sent: with look-alikes replaced, where that was asked for and saves something."""
    return segments.smart(wanted["body"])[0] if wanted["smart_encoding"] else wanted["body"]


def plan(
    conn: Connection, wanted: Sequence[Mapping[str, Any]], *, client: str, in_bulk: bool, law: Law, now: datetime
) -> list[Planned | NoSender]:
    """What would become of the texts `wanted` (as `SmsRequestSchema` gives them) if they were asked for `now`, in this order.

    Their validity runs from the moment on that they may go, so a night's quiet does not use it up.
    """
    drafts = [_draft(one, in_bulk=in_bulk) for one in wanted]
    origins, queues = _origins(conn, drafts)
    found = [(draft, origin) for draft, origin in zip(drafts, origins, strict=True) if isinstance(origin, Origin)]
    decisions = iter(_decisions(conn, found, law, now))
    return [
        origin
        if isinstance(origin, NoSender)
        else _planned(draft, origin, queues[origin.sender, draft.lane], next(decisions), client=client, now=now)
        for draft, origin in zip(drafts, origins, strict=True)
    ]


def _draft(wanted: Mapping[str, Any], *, in_bulk: bool) -> Draft:
    body = plain(wanted)
    measured = segments.measure(body)
    cost = media_rules.PACED_SEGMENTS if wanted["media_urls"] else measured.segments
    return Draft(wanted, body, lane_of(wanted["purpose"], in_bulk=in_bulk), measured, cost)


@dataclass(slots=True)
class Queue:
    """The queue of a sender while texts are planned behind it. `ahead`: segments; `is_counted`: exactly."""

    conn: Connection
    standing: Standing
    ahead: int
    is_counted: bool = False

    @property
    def segments_per_s(self) -> float:
        """The sender's own rate, or that of its kind."""
        key = self.standing.key
        return self.standing.segments_per_s or default_rate(likely_kind(key), recipients.of(key).region)

    def leaves_at(self, now: datetime) -> datetime:
        """When a text leaves that comes `now`."""
        return now + timedelta(seconds=self.ahead / self.segments_per_s)

    def count(self) -> None:
        """Nobody is refused by an estimate."""
        if not self.is_counted:
            key, lane = self.standing.key, self.standing.lane
            self.ahead += pacing.ahead(self.conn, key, lane) - self.standing.ahead
            self.is_counted = True


Queues = Mapping[tuple[str, int], Queue]


def _origins(conn: Connection, drafts: Sequence[Draft]) -> tuple[list[Origin | NoSender], Queues]:
    """The sender of each that was asked for, or the tenant's, and the queues there."""
    chosen = _chosen(conn, drafts)
    origins = [_origin(draft.wanted, chosen) for draft in drafts]
    places = {(origin.sender, draft.lane): None for draft, origin in zip(drafts, origins, strict=True)
              if isinstance(origin, Origin)}  # fmt: skip
    known = pacing.standings(conn, places) if places else {}
    owned = [_owned(origin, draft, known) for draft, origin in zip(drafts, origins, strict=True)]
    return owned, {place: Queue(conn, standing, standing.ahead) for place, standing in known.items()}


def _chosen(conn: Connection, drafts: Sequence[Draft]) -> dict[tuple[str, str], str]:
    """By (tenant, person) the sender of those who leave it to us."""
    asked: dict[str, list[tuple[str, int]]] = {}
    for draft in drafts:
        wanted = draft.wanted
        if wanted["tenant_id"] and not wanted.get("from_") and not wanted["messaging_service_sid"]:
            asked.setdefault(wanted["tenant_id"], []).append((wanted["to"], draft.cost))
    return {
        (tenant_id, to): sender
        for tenant_id in sorted(asked)
        for to, sender in senders.choose(conn, tenant_id=tenant_id, asked=asked[tenant_id]).items()
    }


def _origin(wanted: Mapping[str, Any], chosen: Mapping[tuple[str, str], str]) -> Origin | NoSender:
    tenant_id, service_sid = wanted["tenant_id"], wanted["messaging_service_sid"]
    if service_sid:
        return Origin("", service_sid, tenant_id)
    if wanted.get("from_"):
        return Origin(wanted["from_"], None, tenant_id)
    if not tenant_id:
        return NoSender("is missing, and no tenant_id to choose by")
    number = chosen.get((tenant_id, wanted["to"]))
    return Origin(number, None, tenant_id) if number else NoSender("the tenant has no number to send from")


def _owned(origin: Origin | NoSender, draft: Draft, known: Mapping[tuple[str, int], Standing]) -> Origin | NoSender:
    """A text that names no tenant is of the one whose number it comes from."""
    if isinstance(origin, NoSender) or origin.tenant_id or not origin.from_number:
        return origin
    return Origin(origin.from_number, None, known[origin.sender, draft.lane].tenant_id)


def _planned(draft: Draft, origin: Origin, queue: Queue, decision: Decision, *, client: str, now: datetime) -> Planned:
    wanted = draft.wanted
    may_go_at = max(filter(None, (now, wanted["send_at"], decision.held_until)))
    expires_at = may_go_at + timedelta(seconds=wanted["validity_s"] or VALIDITY_S[draft.lane])
    if queue.leaves_at(now) >= expires_at:
        queue.count()
    planned = Planned(
        draft=draft,
        origin=origin,
        owner=origin.tenant_id or client,
        segments_per_s=queue.segments_per_s,
        decision=decision,
        not_before=may_go_at if may_go_at > now else None,
        expires_at=expires_at,
        estimated_send_at=max(may_go_at, queue.leaves_at(now)),
    )
    if planned.refusal is None and planned.not_before is None:
        queue.ahead += draft.cost
    return planned


def _decisions(conn: Connection, found: Sequence[tuple[Draft, Origin]], law: Law, now: datetime) -> Sequence[Decision]:
    if not found:
        return []
    return permissions.ask(conn, law, [
        permissions.question(
            to=draft.wanted["to"], from_=origin.from_number, service_sid=origin.service_sid, tenant_id=origin.tenant_id,
            purpose=draft.wanted["purpose"],
        )
        for draft, origin in found
    ], now=now)  # fmt: skip
