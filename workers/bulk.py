"""Makes the texts of a bulk, some hundreds at a time.

Each chunk is one transaction under the lock of its bulk, and the place where the next one begins is written with it: a
worker that is killed leaves whole chunks, and the next one goes on behind them.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from marshmallow import ValidationError
from psycopg import Connection

from shared import bulk_request, faults, log, texts
from shared.db import bulks
from shared.db.bulks import Bulk, Item
from shared.db.jobs import Job
from shared.domain.law import Law
from shared.errors import Deferred, Permanent, TwilioServerError
from shared.faults import Fault
from shared.text_plan import NoSender
from shared.texts import Asked, KeyReused, Taken
from workers.context import WorkerRuntime

# A transaction of a quarter of a second: short for whoever waits for the lock, long against its commit.
CHUNK: Final = 200
# Shorter than the job's lease; what is left then is done under the next one.
RUN_S: Final = 20.0
# Resuming rings; this is for a bell that was not heard.
PAUSED_LOOK_S: Final = 30.0

_NO_SENDER, _OTHER_TEXT = "no_sender", "idempotency_key_reused"


def expand(rt: WorkerRuntime, job: Job) -> None:
    """Makes texts until every recipient has been looked at. Raises Deferred while the bulk is paused, or time is up."""
    end = time.monotonic() + RUN_S
    while time.monotonic() < end:
        with rt.db.connection() as conn:
            bulk = bulks.locked(conn, job.ref)
            if bulk is None:
                raise Permanent("no such bulk")
            if bulk.state == "paused":
                raise Deferred("paused", until=datetime.now(UTC) + timedelta(seconds=PAUSED_LOOK_S))
            looked_at = _expand_chunk(conn, bulk, rt.settings.law) if bulk.expanded < bulk.total else bulk.total
        if looked_at == bulk.total:
            log.get().info("bulk_expanded", bulk_id=str(bulk.id), recipients=bulk.total)
            return
    raise Deferred("more to do", until=datetime.now(UTC))


def give_up(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """Recipients that have not been looked at get no text, and the one who asked can see it."""
    bulk = bulks.locked(conn, job.ref)
    if bulk is not None:
        bulks.leave(conn, bulk, "internal_error", "a fault of ours; it has been logged")


def _expand_chunk(conn: Connection, bulk: Bulk, law: Law) -> int:
    """How many recipients have been looked at now."""
    read = [(item.line, _read(bulk, item)) for item in bulks.chunk(conn, bulk, CHUNK)]
    asked = [one for _, one in read if isinstance(one, Asked)]
    taken = iter(texts.take_all(conn, asked, law, client=bulk.client, bulk_id=bulk.id) if asked else ())
    results = [(line, _made(next(taken)) if isinstance(one, Asked) else one) for line, one in read]
    return bulks.expanded(conn, bulk, CHUNK, results)


def _read(bulk: Bulk, item: Item) -> Asked | list[Fault]:
    try:
        wanted, key = bulk_request.wanted(bulk.request, item.said)
        return Asked(wanted, key or f"bulk:{bulk.id}:{item.line}")
    except ValidationError as fault:
        return faults.in_body(fault.normalized_messages())


def _made(taken: Taken | NoSender | KeyReused) -> UUID | list[Fault]:
    """The text for one recipient, refused ones included, or why there cannot be one."""
    match taken:
        case Taken():
            return taken.text.id
        case NoSender():
            return [{"pointer": "#/from", "code": _NO_SENDER, "detail": taken.detail}]
        case KeyReused():
            return [{"pointer": "#/idempotency_key", "code": _OTHER_TEXT, "detail": "this key once sent another text"}]
