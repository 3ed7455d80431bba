"""Whether a subscriber is worth a request: a circuit breaker with one probe, how many requests at once, how fast.

Closed: it is told. Open: it has failed `TRIP` times running and is left alone until `probe_at`. Half-open: one request finds
out. A success closes the circuit; a failure opens it for twice as long. Only failures of the subscriber's own doing count
(no connection, no answer in time, 5xx, 429): a refusal (4xx) is about one notification, and the others go on.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

Circuit = Literal["closed", "open", "half-open"]
Verdict = Literal["well", "refused", "ill"]

# One hanging receiver must not trip over a hiccup of the network, nor cost more than a handful of threads for 15 s.
TRIP: Final = 5
FIRST_PROBE_S: Final = 5.0  # a restart of the receiver is over by then
# Five minutes: what was held for a day arrives at most so long after the receiver is back.
LONGEST_PROBE_S: Final = 300.0
# as-call-service has a customer texted because of what it is told, within the hour: it is asked as often as this.
LONGEST_PROBE_OF_PLATFORM_S: Final = 30.0
# A receiver may ask for quiet (Retry-After); more than this is its mistake, and the schedule knows better.
LONGEST_PAUSE_S: Final = 3_600.0
# Days of nothing but failures until an endpoint is disabled (Svix: five days).
GIVEN_UP_AFTER: Final = timedelta(days=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is known of how an endpoint answers. `failures`: running, of its own doing."""

    circuit: Circuit = "closed"
    failures: int = 0
    opens: int = 0
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    failing_since: datetime | None = None
    last_success_at: datetime | None = None
    paused_until: datetime | None = None

    @property
    def is_given_up(self) -> bool:
        """Nothing but failures for `GIVEN_UP_AFTER`; said by the failure that came last, so never without one."""
        return (
            self.failing_since is not None
            and self.opened_at is not None
            and (self.opened_at - self.failing_since >= GIVEN_UP_AFTER)
        )


def after(health: Health, verdict: Verdict, at: datetime, *, longest_s: float, pause_s: float | None = None) -> Health:
    """The health once an answer came `at`. `pause_s`: it asked not to be called for so long."""
    if pause_s:
        until = at + timedelta(seconds=min(pause_s, LONGEST_PAUSE_S))
        health = replace(health, paused_until=max(until, health.paused_until or until))
    if verdict != "ill":  # whoever refuses a notification is there
        return _closed(health, at if verdict == "well" else health.last_success_at)
    failures = health.failures + 1
    health = replace(health, failures=failures, failing_since=health.failing_since or at)
    if health.circuit == "closed" and failures < TRIP:
        return health
    if health.circuit == "open":  # an answer to a request that was under way when it opened
        return health
    wait_s = min(longest_s, FIRST_PROBE_S * 2 ** min(health.opens, 30))
    return replace(
        health, circuit="open", opens=health.opens + 1, opened_at=at, probe_at=at + timedelta(seconds=wait_s)
    )


def probing(health: Health, at: datetime, *, answer_within_s: float) -> Health:
    """Its one request is under way; should nobody hear of it again, the next may go after `answer_within_s`."""
    return replace(health, circuit="half-open", probe_at=at + timedelta(seconds=answer_within_s))


def unanswered(health: Health, at: datetime) -> Health:
    """There was nothing to ask after all: a probe that was none is followed by the next at once."""
    return replace(health, probe_at=at) if health.circuit == "half-open" else health


def _closed(health: Health, last_success_at: datetime | None) -> Health:
    return Health(last_success_at=last_success_at, paused_until=health.paused_until)


def room(health: Health, at: datetime, *, concurrency: int, in_hand: int) -> int:
    """How many requests may begin now."""
    if health.paused_until is not None and health.paused_until > at:
        return 0
    if health.circuit != "closed":
        return 1 if health.probe_at is not None and health.probe_at <= at else 0
    # Whoever has just failed is asked gently, so that the next failures cost few threads.
    most = concurrency if health.failures == 0 else min(concurrency, TRIP - health.failures)
    return max(0, most - in_hand)


def at_rate(
    free_at: datetime, at: datetime, *, rate_per_s: float, wanted: int, burst_s: float = 1.0
) -> tuple[int, datetime]:
    """How many of `wanted` may go now at this rate, and when the next may (generic cell rate algorithm, ITU-T I.371).

    `burst_s` seconds' worth may go at once after a pause.
    """
    pause = timedelta(seconds=1 / rate_per_s)
    begins = max(free_at, at - timedelta(seconds=burst_s))
    count = min(wanted, max(0, int((at - begins) / pause) + 1)) if begins <= at else 0
    return count, begins + count * pause
