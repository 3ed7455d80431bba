"""Promised work on calls: ending a live one, and deciding one whose last webhook never came."""

from datetime import UTC, datetime, timedelta
from typing import Final

from psycopg import Connection

from shared import metrics
from shared.db import calls, placed_calls
from shared.db.jobs import Job
from shared.domain.status import CALL_FINAL, DECISION_RANK
from shared.errors import Deferred, TwilioServerError
from workers.context import WorkerRuntime
from workers.handlers import calls as handler

AGAIN_IN: Final = timedelta(seconds=1)  # Twilio answers in less


def end(rt: WorkerRuntime, job: Job) -> None:
    """Hangs up, if the call is not over. Its end is then reported by Twilio's own webhook.

    Of a call that we place the job has our id: nobody knew its CallSid. Raises Deferred while its request is under way.
    """
    with rt.db.connection() as conn:
        placed = placed_calls.find(conn, job.ref)
        if placed and placed_calls.cancel(conn, placed.id):
            return
        call_sid = placed.call_sid if placed else job.ref
        call = calls.find(conn, call_sid) if call_sid else None
    if placed and placed.state in ("placing", "unknown"):
        raise Deferred("being placed", until=datetime.now(UTC) + AGAIN_IN)
    if call_sid and (call is None or call.status not in CALL_FINAL):
        rt.twilio.end_call(call_sid)


def settle(rt: WorkerRuntime, job: Job) -> None:
    """Nothing more came: decides whether the call was missed on what there is."""
    with rt.db.connection() as conn:
        outcome = handler.settle(conn, job.ref)
    if outcome in DECISION_RANK:
        metrics.CALLS.labels("inbound", outcome).inc()


def nothing_to_record(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """The job's own row says that it failed and why; the call is as it was."""
