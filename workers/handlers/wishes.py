"""Opt-outs and their end, as people say them in texts and as Twilio tells us by its error 21610."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from shared.db import notifications, opt_outs
from shared.db.opt_outs import Source
from shared.domain.keywords import Wish
from shared.domain.notices import order_key
from shared.domain.phone import without_channel


@dataclass(frozen=True, slots=True)
class Heard:
    """The text in which somebody said it, or the one of ours by whose failure Twilio says so: then `message_sid` is our id."""

    message_sid: str
    tenant_id: str | None
    from_number: str
    to_number: str
    service_sid: str | None
    at: datetime


def heed(conn: Connection, wish: Wish, heard: Heard, body: str) -> None:
    """STOP counts for the number it was said to, its Messaging Service and its tenant; START lifts what words had set there.

    The tenant is the caller whose consent ends (47 CFR 64.1200(a)(10)): from its other numbers a text would be unlawful too.
    Nothing is sent back: where Twilio acts on the word it has answered, and a second answer is refused by it.
    """
    number, sender = without_channel(heard.from_number), without_channel(heard.to_number)
    scopes = opt_outs.scopes_of(conn, sender, heard.service_sid)
    if heard.tenant_id is not None:
        scopes.append(opt_outs.of_tenant(heard.tenant_id))
    evidence = {"message_sid": heard.message_sid, "word": wish.word, "text_sha256": _digest(body)}
    source = _source(wish)
    if wish.type == "STOP" and _add(conn, number, scopes, source, heard.at, evidence):
        _tell(conn, "consent.opted_out", heard, scopes, source)
    elif wish.type == "START" and opt_outs.start(conn, number=number, scopes=scopes, at=heard.at, evidence=evidence):
        _tell(conn, "consent.opted_in", heard, scopes, source)


def heed_twilio(conn: Connection, heard: Heard) -> None:
    """A text of ours met 21610; `heard.at` is when it had left: a START that came after goes before."""
    number, sender = without_channel(heard.from_number), without_channel(heard.to_number)
    scopes = opt_outs.scopes_of(conn, sender, heard.service_sid)
    new = [opt_outs.note_21610(conn, number, scope, heard.at) for scope in scopes]
    if any(new):
        _tell(conn, "consent.opted_out", heard, scopes, "21610")


def _add(
    conn: Connection, number: str, scopes: Sequence[str], source: Source, at: datetime, evidence: dict[str, Any]
) -> bool:
    new = [opt_outs.add(conn, number=number, scope=scope, source=source, at=at, evidence=evidence) for scope in scopes]
    return any(new)


def _source(wish: Wish) -> Source:
    if wish.word == "OptOutType":
        return "opt-out-type"
    return "free-form" if wish.is_free_form else "keyword"


def _tell(conn: Connection, type_: str, heard: Heard, scopes: Sequence[str], source: Source) -> None:
    """In order behind the text itself."""
    notifications.notify(
        conn,
        type_,
        subject=heard.message_sid,
        tenant_id=heard.tenant_id,
        order_key=order_key(business=heard.to_number, other=heard.from_number, subject=heard.message_sid),
        data={
            "number": without_channel(heard.from_number),
            "sender": without_channel(heard.to_number),
            "scopes": list(scopes),
            "tenant_id": heard.tenant_id,
            "source": source,
            "at": heard.at.isoformat(),
        },
    )


def _digest(body: str) -> str:
    """Proof of what was said, without keeping the words once more."""
    return hashlib.sha256(body.encode()).hexdigest()
