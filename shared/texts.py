"""Takes on texts: whom they come from, when they may go, and the promise to send them, all in the caller's transaction.

Every way to ask for a text ends here: the API, the platform's endpoint, the queue contract and a bulk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from psycopg import Connection
from redis import Redis

from shared import metrics, tasks
from shared.db import promises
from shared.db import texts as rows
from shared.db.jobs import Promised
from shared.db.promises import Kept, Outgoing
from shared.db.texts import Text
from shared.domain.law import Law
from shared.text_plan import NoSender, Planned, plain, plan

# What makes the answer to a request for a text a refusal.
Refusal = Literal["not_permitted", "queue_too_long"]


class KeyReused(Exception):
    """This client's key has asked for another text before."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A text as `SmsRequestSchema` gives it, and the key that its client knows it by."""

    wanted: Mapping[str, Any]
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A text that is kept. `refusal`: it will not be sent. `is_new` False: it was kept before, under the same key."""

    text: Text
    is_new: bool
    promised: Promised | None = None
    refusal: Refusal | None = None
    planned: Planned | None = None
    rules: Sequence[Mapping[str, Any]] = ()

    def ring(self, redis: Redis) -> None:
        """Tells the workers, after the commit. Who must wait at its sender is let go by the releaser."""
        if self.promised is not None and self.promised.is_first:
            tasks.ring(redis)


def take(conn: Connection, asked: Asked, law: Law, *, client: str) -> Taken:
    """Keeps the text, and promises to send it if it may be sent.

    A key that `client` has used before gives the text it made then. Raises KeyReused when that was another one, and
    NoSender when there is nobody to send it from.
    """
    (taken,) = take_all(conn, [asked], law, client=client)
    if isinstance(taken, Taken):
        return taken
    raise taken


def take_all(
    conn: Connection, asked: Sequence[Asked], law: Law, *, client: str, bulk_id: UUID | None = None
) -> list[Taken | NoSender | KeyReused]:
    """As `take`, for each of these, in as many statements as for one."""
    plans = plan(
        conn, [one.wanted for one in asked], client=client, in_bulk=bulk_id is not None, law=law, now=datetime.now(UTC)
    )
    outgoing = [
        _outgoing(one, planned, client, bulk_id) if isinstance(planned, Planned) else None
        for one, planned in zip(asked, plans, strict=True)
    ]
    kept = promises.keep(conn, [one for one in outgoing if one]) if any(outgoing) else {}
    made = [kept.get(one.id) if one else None for one in outgoing]
    old = [one.key for one, new in zip(asked, made, strict=True) if one.key and new is None]
    known = rows.of_keys(conn, client, old) if old else {}
    return [
        _taken(new, planned) if new and isinstance(planned, Planned) else _known(known.get(one.key or ""), one, planned)
        for one, planned, new in zip(asked, plans, made, strict=True)
    ]


def _outgoing(asked: Asked, planned: Planned, client: str, bulk_id: UUID | None) -> Outgoing:
    wanted, draft, decision = asked.wanted, planned.draft, planned.decision
    return Outgoing(
        id=uuid4(), client=client, idempotency_key=asked.key, tenant_id=planned.origin.tenant_id,
        from_number=planned.origin.from_number, to_number=wanted["to"], body=draft.body, media=_media(wanted),
        purpose=wanted["purpose"], lane=draft.lane, messaging_service_sid=wanted["messaging_service_sid"],
        send_at=wanted["send_at"], expires_at=planned.expires_at, estimated_send_at=planned.estimated_send_at,
        on_unknown=wanted["on_unknown"], encoding=draft.measured.encoding, cost=draft.cost, bulk_id=bulk_id,
        decision=decision.verdict, decision_rules=decision.as_json(), held_until=decision.held_until,
        consent_id=decision.consent_id, refusal=planned.refusal, pace_key=planned.origin.sender, owner=planned.owner,
        not_before=planned.not_before, steps=_steps(planned), is_alone=bulk_id is None,
    )  # fmt: skip


def _steps(planned: Planned) -> list[tuple[str, dict[str, Any] | None]]:
    if planned.refusal is not None:
        return [("refused", {"reason": planned.refusal})]
    until = planned.decision.held_until
    return [("accepted", None), *([("held", {"until": until.isoformat()})] if until else [])]


def _taken(kept: Kept, planned: Planned) -> Taken:
    if rule := planned.decision.decisive:
        metrics.CONSENT_BLOCKS.labels(rule.id).inc()
    rules = planned.decision.as_json() if planned.refusal else ()
    return Taken(kept.text, True, kept.promised, planned.refusal, planned, rules)


def _known(text: Text | None, asked: Asked, planned: Planned | NoSender) -> Taken | NoSender | KeyReused:
    """What its client was told then: refused by a rule, or taken on, whatever has become of it since.

    A key older than an idempotency record may meet its old text here: it is not sent twice, nor another in its place.
    """
    if text is None:
        assert isinstance(planned, NoSender)  # what had a sender was kept, unless its key was there before
        return planned
    bodies = {asked.wanted["body"], plain(asked.wanted)}
    if text.to_number != asked.wanted["to"] or text.body not in bodies or text.media != _media(asked.wanted):
        return KeyReused()
    is_refused = text.send_state == "refused" and text.error_reason == "not_permitted"
    return (
        Taken(text, False, None, "not_permitted", rules=text.decision_rules or ()) if is_refused else Taken(text, False)
    )


def _media(wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"url": url} for url in wanted["media_urls"]]
