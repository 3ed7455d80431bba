"""When to try again: exponential growth with full jitter, bounded, and never earlier than we were asked to wait."""

from typing import Final

GROWTH_S: Final = 2.0  # first retry within 2 s: most faults of a provider are over by then
LONGEST_S: Final = 900.0  # a quarter of an hour: an outage of a day costs some hundred attempts, not thousands


def delay_s(attempt: int, jitter: float, *, retry_after_s: float | None = None, longest_s: float = LONGEST_S) -> float:
    """Seconds to wait before attempt number `attempt` + 1.

    `attempt` counts from 1; `jitter` is a random number in [0, 1) given by the caller, so that the rule stays pure.
    Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"), with a floor of a tenth: never a hot loop.
    """
    ceiling = min(longest_s, GROWTH_S * 2 ** min(attempt - 1, 30))
    return max(retry_after_s or 0.0, ceiling * (0.1 + 0.9 * jitter))


# Deliveries to subscribers follow the Standard Webhooks example schedule: 75.6 hours in all.
DELIVERY_S: Final = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
DELIVERY_JITTER: Final = 0.1  # 10 % either way keeps many failed deliveries from coming back in one second


def delivery_delay_s(attempt: int, jitter: float, *, retry_after_s: float | None = None) -> float | None:
    """Seconds to the next delivery after attempt number `attempt` (from 1) failed; None when the schedule is used up."""
    if attempt > len(DELIVERY_S):
        return None
    wait = DELIVERY_S[attempt - 1] * (1 - DELIVERY_JITTER + 2 * DELIVERY_JITTER * jitter)
    return max(retry_after_s or 0.0, wait)
