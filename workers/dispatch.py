"""Sends hints for promised work that is due. The rows are the truth; a lost hint costs seconds, never the work."""

from shared import tasks
from shared.db import jobs, relay
from shared.runtime import Runtime

# What one round hands out at most: more than a worker starts in a round's second.
_ROUND = 200


def once(rt: Runtime) -> int:
    """Hints at everything that is ready and not yet hinted at; how many. Rings for the relay.

    Any number of dispatchers may run.
    """
    with rt.db.connection() as conn:
        hints = jobs.claim_hints(conn, limit=_ROUND)
        is_relay_due = relay.is_waiting(conn)
    if is_relay_due:
        tasks.ring_relay(rt.redis)
    if hints:  # should Redis be away, they are offered again after REHINT_S
        tasks.hint_many(rt.redis, [(hint.kind, hint.id) for hint in hints])
    return len(hints)
