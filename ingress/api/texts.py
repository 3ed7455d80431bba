"""Takes on a text: the row and the promise to send it, in one transaction. Both doors, API and platform, come here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Response
from marshmallow import Schema
from psycopg import Connection

from ingress.answer import Answer
from ingress.api.faults import invalid
from ingress.api.reading import checked, json_body
from ingress.api.waiting import Waits, applied, wished_s
from ingress.idempotency import once
from ingress.problem import Problem
from ingress.service_guard import Caller
from shared import tasks
from shared.db import jobs, messages, numbers
from shared.db.messages import Message
from shared.domain.status import SEND_FINAL
from shared.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Taken:
    """A text that will be sent. `job_id` None: it was taken on before, under the same key."""

    message: Message
    job_id: int | None

    def ring(self, rt: Runtime) -> None:
        """Tells the workers, after the commit."""
        if self.job_id is not None:
            tasks.hint(rt.redis, "sms.send", self.job_id)


def send(rt: Runtime, waits: Waits, caller: Caller, schema: Schema, shown: Callable[[Message], Answer]) -> Response:
    """Answers as soon as the text is promised; with `Prefer: wait=N` as soon as Twilio has it or N seconds are over."""
    document = json_body()
    wanted = checked(schema, document)
    with once(rt, caller.client, document) as this:
        if this.stored:
            return this.stored
        with rt.db.connection() as conn:
            taken = take_on(conn, caller.client, this.key, wanted)
            this.keep(conn, shown(taken.message))
        taken.ring(rt)
        message = waits.until(partial(messages.find, id_or_sid=str(taken.message.id)), _is_handed, wished_s())
        if message is None:
            return shown(taken.message).response()
        this.keep_newer(rt, shown(message))
        return applied(shown(message).response())


def take_on(conn: Connection, client: str, key: str | None, wanted: Mapping[str, Any]) -> Taken:
    """Stores the text `wanted` (as `SmsRequestSchema` gives it). Raises Problem 422 when there is no number to send from.

    A key older than an idempotency record may meet its old message here: the same text is not sent twice, and another
    one is refused.
    """
    sender, tenant_id = _sender(conn, wanted)
    media = [{"url": url} for url in wanted["media_urls"]]
    message = messages.insert_outbound(
        conn, client=client, idempotency_key=key, tenant_id=tenant_id, from_number=sender, to_number=wanted["to"],
        body=wanted["body"], media=media,
    )  # fmt: skip
    if (message.to_number, message.body, message.media) != (wanted["to"], wanted["body"], media):
        raise Problem(
            422, "idempotency-key-reused", "Idempotency-Key reused", "This key once sent another text. Use a new key."
        )
    return Taken(message, jobs.promise(conn, "sms.send", str(message.id), hint_in_s=jobs.FIRST_HINT_S))


def _is_handed(message: Message) -> bool:
    return message.message_sid is not None or message.send_state in SEND_FINAL


def _sender(conn: Connection, wanted: Mapping[str, Any]) -> tuple[str, str | None]:
    """Whom the text comes from, and which tenant that is."""
    chosen, tenant_id = wanted.get("from_"), wanted["tenant_id"]
    if chosen:
        return chosen, tenant_id or numbers.tenant_of(conn, chosen)
    number = numbers.sender_of(conn, tenant_id) if tenant_id else None
    if number is None:
        detail = "the tenant has no number to send from" if tenant_id else "is missing, and no tenant_id to choose by"
        raise invalid([{"pointer": "#/from", "code": "no_sender", "detail": detail}])
    return number, tenant_id
