"""Outgoing texts as they are kept, without anybody's plan for them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from psycopg import Connection

from shared.db import promises
from shared.db.promises import Kept, Outgoing

_PLAIN = Outgoing(
    id=uuid4(), client="test", idempotency_key=None, tenant_id="t", from_number="+14155550100", to_number="+12125550111",
    body="hello", media=[], purpose="transactional", lane=1, messaging_service_sid=None, send_at=None,
    expires_at=datetime.now(UTC) + timedelta(days=1), estimated_send_at=datetime.now(UTC), on_unknown="resend",
    encoding="GSM-7", cost=1, bulk_id=None, decision="allowed", decision_rules=[], held_until=None, consent_id=None,
    refusal=None, pace_key="+14155550100", owner="t", not_before=None, steps=[("accepted", None)], is_alone=True,
)  # fmt: skip


def outgoing(**more: Any) -> Outgoing:
    """A text of tenant `t`, with `more` of it."""
    return replace(_PLAIN, id=uuid4(), **more)


def kept(conn: Connection, **more: Any) -> Kept:
    """One that is promised now."""
    text = outgoing(**more)
    return promises.keep(conn, [text])[text.id]


def paced(conn: Connection, ref: str, key: str, lane: int, owner: str, cost: int) -> None:
    """The promise alone, for a text that is there."""
    conn.execute(
        """
        insert into jobs (kind, ref, pace_key, lane, owner, cost, turn, hint_at)
        values ('sms.send', %s, %s, %s, %s, %s, 1, now())
        """,
        (ref, key, lane, owner, cost),
    )
