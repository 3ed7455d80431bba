"""The texts that missed calls bring their callers: whether one is wanted, and which one it became."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from shared import phones
from shared.db import calls
from shared.db.calls import Call
from shared.db.freshness import FRESH_FOR
from shared.db.opt_outs import EVERYBODY, of_tenant
from shared.domain.routing import Routing, matches, of
from shared.domain.text_back import TextBack, TextBackFacts

# as-call-service hears of a missed call for as long as that is fresh; its last answer may be a minute on its way.
_ASKED_AGAIN_WITHIN: Final = FRESH_FOR + timedelta(minutes=5)


def facts(conn: Connection, call: Call) -> TextBackFacts:
    """What speaks against a text to the caller of `call`, now.

    The cooldown is the session's (`TS_TEXT_BACK_COOLDOWN_S`, set where the pool is opened). Exact because those who decide
    take turns (`events.take_turn`).
    """
    row = conn.execute(
        """
        select (select routing from numbers where phone_number = ask.business),
               ask.caller = ask.business or exists (select from numbers where phone_number = ask.caller),
               exists (select from opt_outs
                        where number = ask.caller and lifted_at is null
                          and (scope = any(%(scopes)s)
                               or scope = (select service_sid from senders where sender = ask.business))),
               (select reason from suppressions where number = ask.caller and (until is null or until > now())),
               %(at)s < now() - %(fresh_for)s::interval and not exists (select from late_accepted where sid = %(sid)s),
               exists (select from text_backs
                        where business = ask.business and customer = ask.caller and call_sid <> %(sid)s
                          and decided_at > now() - make_interval(secs => coalesce(nullif(
                                current_setting('twilio_server.text_back_cooldown_s', true), ''), '900')::float))
          from (select %(business)s::text as business, %(caller)s::text as caller) as ask
        """,
        {
            "business": call.to_number, "caller": call.from_number, "sid": call.call_sid, "fresh_for": FRESH_FOR,
            "at": call.ended_at or call.started_at,
            "scopes": [EVERYBODY, call.to_number, *([of_tenant(call.tenant_id)] if call.tenant_id else [])],
        },
    ).fetchone()  # fmt: skip
    assert row is not None  # one row of a select without tables
    routing, is_ours, is_opted_out, suppression, is_stale, is_cooling = row
    rules = _rules(routing)
    return TextBackFacts(
        caller=call.from_number, is_a_number=phones.is_canonical(call.from_number), tenant_id=call.tenant_id,
        is_own=is_ours or call.from_number in _phones(rules), is_blocked=matches(rules.blocked, call.from_number),
        is_opted_out=is_opted_out,
        suppression=suppression, is_stale=is_stale, is_cooling=is_cooling,
    )  # fmt: skip


def _rules(document: Mapping[str, Any] | None) -> Routing:
    """A document that cannot be read forbids nothing: the call must be decided all the same."""
    try:
        return of(document or {})
    except ValueError:
        return Routing()


def _phones(rules: Routing) -> Collection[str | None]:
    """Whom the number's calls are put through to: people of the business, not customers."""
    return {target.to for target in rules.targets} | {
        rules.fallback_to,
        rules.emergency.to if rules.emergency else None,
    }


def want(conn: Connection, call: Call) -> None:
    """A text is wanted for this missed call."""
    conn.execute(
        """
        insert into text_backs (call_sid, tenant_id, business, customer) values (%s, %s, %s, %s)
        on conflict (call_sid) do nothing
        """,
        (call.call_sid, call.tenant_id, call.to_number, call.from_number),
    )


def is_refused(conn: Connection, call_sid: str) -> bool:
    """Whether as-call-service has asked for the text of this missed call, and a rule forbade it."""
    row = conn.execute(
        """
        select 1 from text_backs as t
          join messages as m on m.from_number = t.business and m.to_number = t.customer and m.direction = 'outbound'
                            and m.created_at >= t.decided_at
                            and m.send_state = 'refused' and m.error_reason = 'not_permitted'
         where t.call_sid = %s and t.message_id is null limit 1
        """,
        (call_sid,),
    ).fetchone()
    return row is not None


def withdraw(conn: Connection, call_sid: str, why: TextBack) -> bool:
    """It is not to be sent after all, `why` says. False if there is a text already, or none was wanted."""
    calls.lock(conn, call_sid)
    gone = conn.execute("delete from text_backs where call_sid = %s and message_id is null", (call_sid,))
    if gone.rowcount == 0:
        return False
    calls.change_text_back(conn, call_sid, why)
    return True


def open_of(conn: Connection, *, customer: str, business: str | None, tenant_id: str | None) -> str | None:
    """The CallSid of the missed call whose text this may be: the pair's newest, locked to commit; None if there is none.

    Whoever asks for the same text meanwhile waits. `business` None: any number of the tenant.
    """
    row = conn.execute(
        """
        select call_sid from text_backs
         where customer = %(customer)s and decided_at > now() - %(within)s::interval
           and (business = %(business)s or (%(business)s::text is null and tenant_id = %(tenant)s))
         order by decided_at desc limit 1 for update
        """,
        {"customer": customer, "business": business, "tenant": tenant_id, "within": _ASKED_AGAIN_WITHIN},
    ).fetchone()
    return row[0] if row else None


def same_text(conn: Connection, call_sid: str, bodies: Collection[str]) -> UUID | None:
    """The text with one of these bodies that the customer of this missed call was sent since, and has not answered.

    One that was refused or called off is none.
    """
    row = conn.execute(
        """
        select m.id from text_backs as t
          join messages as m on m.from_number = t.business and m.to_number = t.customer and m.direction = 'outbound'
                            and m.created_at >= t.decided_at and m.body = any(%(bodies)s)
                            and m.send_state not in ('refused', 'canceled')
         where t.call_sid = %(sid)s
           and not exists (select from messages as reply
                            where reply.direction = 'inbound' and reply.from_number = t.customer
                              and reply.to_number = t.business and reply.created_at > m.created_at)
         order by m.created_at limit 1
        """,
        {"sid": call_sid, "bodies": list(bodies)},
    ).fetchone()
    return row[0] if row else None


def note_text(conn: Connection, call_sid: str, message_id: UUID) -> None:
    """The first text after the missed call is what it brought its caller."""
    conn.execute(
        "update text_backs set message_id = %s where call_sid = %s and message_id is null", (message_id, call_sid)
    )
