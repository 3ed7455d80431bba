"""Promised work on calls: ending a live one, and deciding one whose last webhook never came."""

from psycopg import Connection

from shared import metrics
from shared.db import calls
from shared.db.jobs import Job
from shared.domain.status import CALL_FINAL, DECISION_RANK
from shared.errors import TwilioServerError
from workers.context import WorkerRuntime
from workers.handlers import calls as handler


def end(rt: WorkerRuntime, job: Job) -> None:
    """Hangs up, if the call is not over. Its end is then reported by Twilio's own webhook."""
    with rt.db.connection() as conn:
        call = calls.find(conn, job.ref)
    if call is None or call.status not in CALL_FINAL:
        rt.twilio.end_call(job.ref)


def settle(rt: WorkerRuntime, job: Job) -> None:
    """Nothing more came: decides whether the call was missed on what there is."""
    with rt.db.connection() as conn:
        outcome = handler.settle(conn, job.ref)
    if outcome in DECISION_RANK:
        metrics.CALLS.labels("inbound", outcome).inc()


def nothing_to_record(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """The job's own row says that it failed and why; the call is as it was."""
