"""A day in minutes: what one subscriber is owed is made older, instead of waiting for it to grow old.

Whatever waits for a time (the endpoint's circuit, the retries of what has failed) comes that much nearer, so that the relay
does what it would have done then: each request is a real one. Nothing else in the house is touched.
"""

from dataclasses import dataclass
from typing import Final

from psycopg import Connection

from ops.benchmarks.house import wait_for
from shared.db import notifications
from shared.db.notifications import Notice

_ANSWERED_WITHIN_S = 30.0  # a request takes 15 s at the most


class Stuck(RuntimeError):
    """The relay has not asked when it was due to."""


@dataclass
class Day:
    """The time that passes for `endpoint_id`; `conn` commits by itself."""

    conn: Connection
    endpoint_id: str
    passed_s: float = 0.0

    def promise(self, notices: list[Notice], *, age_s: float) -> set[str]:
        """As the service does, in one transaction; made `age_s` ago. The ids."""
        with self.conn.transaction():
            ids = [*notifications.notify_all(self.conn, notices)]
            for statement in _AGED:
                self.conn.execute(statement, {"ids": ids, "s": age_s})
        return {str(one) for one in ids}

    def quiet(self) -> None:
        """Waits until the endpoint is left alone, until a time that is still to come. Raises Stuck."""
        if not wait_for(self._is_quiet, _ANSWERED_WITHIN_S):
            raise Stuck(f"{self.endpoint_id} is neither asked nor left alone")

    def pass_until_probe(self, at_least_s: float = 0.0) -> None:
        """The time is now that at which it is asked again, or later."""
        row = self.conn.execute(
            "select greatest(extract(epoch from probe_at - clock_timestamp()), %s)::float from endpoint_states"
            " where endpoint_id = %s",
            (at_least_s, self.endpoint_id),
        ).fetchone()
        passed_s = row[0] if row and row[0] else at_least_s
        with self.conn.transaction():
            for statement in _PASSED:
                self.conn.execute(statement, {"id": self.endpoint_id, "s": passed_s})
        self.passed_s += passed_s

    def in_hand(self) -> int:
        """How many requests are under way, or not yet recorded."""
        row = self.conn.execute(
            "select count(*) from jobs where group_key = %s and state = 'due' and lease_until > now()",
            (self.endpoint_id,),
        ).fetchone()
        return row[0] if row else 0

    def is_owed(self) -> bool:
        """Whether anything is still to be told."""
        row = self.conn.execute(
            "select exists (select from deliveries where endpoint_id = %s and outcome is null)", (self.endpoint_id,)
        ).fetchone()
        return bool(row and row[0])

    def _is_quiet(self) -> bool:
        row = self.conn.execute(
            "select circuit = 'open' and probe_at > now() from endpoint_states where endpoint_id = %s",
            (self.endpoint_id,),
        ).fetchone()
        return bool(row and row[0]) and self.in_hand() == 0


# Of what is being promised, before anybody can take it.
_AGED: Final = (
    "update notifications set created_at = created_at - make_interval(secs => %(s)s) where id = any(%(ids)s)",
    "update deliveries set created_at = created_at - make_interval(secs => %(s)s) where notification_id = any(%(ids)s)",
    """
    update jobs set next_at = next_at - make_interval(secs => %(s)s),
        created_at = jobs.created_at - make_interval(secs => %(s)s)
      from deliveries d where d.notification_id = any(%(ids)s) and jobs.kind = 'deliver' and jobs.ref = d.id::text
    """,
)
# What waits for a time. What was never tried waits for none, and is as old as it was made (`promise`).
_PASSED: Final = (
    """
    update endpoint_states set probe_at = probe_at - make_interval(secs => %(s)s),
        opened_at = opened_at - make_interval(secs => %(s)s), failing_since = failing_since - make_interval(secs => %(s)s),
        paused_until = paused_until - make_interval(secs => %(s)s)
     where endpoint_id = %(id)s
    """,
    """
    update jobs set next_at = next_at - make_interval(secs => %(s)s)
     where group_key = %(id)s and state = 'due' and attempts > 0
    """,
    "update delivery_attempts set at = at - make_interval(secs => %(s)s) where endpoint_id = %(id)s",
)
