"""From a webhook that is due to its answer, to the commit in PostgreSQL, to the subscriber who is told."""

from ops.benchmarks import house, journey
from ops.benchmarks.field import Bench
from ops.benchmarks.report import Section, Table


def measure(bench: Bench) -> Section:
    """The whole house, one event and one notification for each webhook."""
    seconds = min(10.0, bench.asked.seconds * 3)
    journeys = journey.travelled(bench, house.ONE, bench.requests, seconds)
    return Section(
        "e2e",
        "End to end: due, answered, committed, told",
        [Table(journey.COLUMNS, [row for one in journeys for row in journey.rows(one)]), journey.cpu(journeys)],
        notes=[
            "One run of the whole house (every process of the Procfile, and the load generator) on one machine; every "
            "webhook is one event, one transaction's row and one signed POST to a subscriber.",
            "All from the moment a webhook was due. Committed: PostgreSQL's own commit timestamp. Told: the subscriber "
            "has the whole notification.",
            "Behind at the end: how long after the last webhook was due the last notification came.",
        ],
    )
