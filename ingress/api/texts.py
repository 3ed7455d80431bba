"""Answers a request for a text. Both doors, API and platform, come here; `shared.texts` keeps it and promises to send it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Response, request
from marshmallow import Schema
from psycopg import Connection

from ingress import problem, request_id
from ingress.answer import Answer
from ingress.api.faults import invalid
from ingress.api.reading import checked, json_body
from ingress.api.waiting import Waits, applied, wished_s
from ingress.idempotency import claimed
from ingress.problem import Problem
from ingress.service_guard import Caller
from shared import texts
from shared.db import texts as rows
from shared.db.texts import Text
from shared.domain.status import SEND_FINAL
from shared.runtime import Runtime
from shared.text_plan import NoSender
from shared.texts import Asked, KeyReused, Taken

# Keeps the text in the transaction of the request.
Take = Callable[[Connection, Runtime, str, str | None, dict[str, Any]], Taken]


def send(
    rt: Runtime,
    waits: Waits,
    caller: Caller,
    schema: Schema,
    shown: Callable[[Text], Answer],
    taking: Take | None = None,
) -> Response:
    """Answers as soon as the text is promised; with `Prefer: wait=N` as soon as Twilio has it or N seconds are over.

    `taking` stands in for `take`.
    """
    document = json_body()
    wanted = checked(schema, document)
    with rt.db.connection() as conn:
        this = claimed(conn, caller.client, document)
        if this.stored:
            return this.stored
        taken = (taking or take)(conn, rt, caller.client, this.key, wanted)
        answer = refused(taken) if taken.refusal else shown(taken.text)
        this.keep(conn, answer)
    if taken.refusal:
        return answer.response()
    taken.ring(rt.redis)
    text = waits.until(partial(rows.find, id_or_sid=str(taken.text.id)), _is_handed, wished_s())
    if text is None:
        return answer.response()
    this.keep_newer(rt, shown(text))
    return applied(shown(text).response())


def take(conn: Connection, rt: Runtime, client: str, key: str | None, wanted: dict[str, Any]) -> Taken:
    """As `texts.take`. Raises Problem 422 for what its client can mend: then nothing is kept, and the key stays free.

    So is a queue that is too long: it may be shorter in a moment. What a rule refuses is kept with the decision.
    """
    try:
        taken = texts.take(conn, Asked(wanted, key), rt.settings.law, client=client)
    except NoSender as fault:
        raise no_sender(fault) from None
    except KeyReused:
        raise Problem(
            422, "idempotency-key-reused", "Idempotency-Key reused", "This key once sent another text. Use a new key."
        ) from None
    if taken.refusal == "queue_too_long":
        raise _too_late(taken)
    return taken


def no_sender(fault: NoSender) -> Problem:
    """Nobody to send from."""
    return invalid([{"pointer": "#/from", "code": "no_sender", "detail": fault.detail}])


def refused(taken: Taken) -> Answer:
    """A rule forbids this text: it is kept with the decision, so that it can be looked up, and is not sent."""
    forbidding = [rule for rule in taken.rules if rule["verdict"] == "refused"]
    detail = "; ".join(f"{rule['rule']}: {rule['detail']}" for rule in forbidding)
    refusal = Problem(
        422, "not-permitted", "The text is not permitted", detail,
        members={"message_id": str(taken.text.id), "rules": taken.rules},
    )  # fmt: skip
    return problem.as_answer(refusal, request.path, request_id.current())


def _too_late(taken: Taken) -> Problem:
    assert taken.planned is not None  # the queue was looked at a moment ago
    leaves_at, expires_at = taken.planned.estimated_send_at, taken.planned.expires_at
    return Problem(
        422, "queue-too-long", "The queue is too long", "It would leave when it is no longer valid.",
        members={"estimated_send_at": leaves_at.isoformat(), "expires_at": expires_at.isoformat()},
    )  # fmt: skip


def _is_handed(text: Text) -> bool:
    return text.message_sid is not None or text.send_state in SEND_FINAL
