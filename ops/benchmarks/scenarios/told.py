"""From a webhook that is due to the subscriber who is told of it: one of them, and three."""

from collections.abc import Sequence
from typing import Final

from ops.benchmarks import corpus, house, journey
from ops.benchmarks.field import Bench
from ops.benchmarks.journey import Journey
from ops.benchmarks.report import Goal, Section, Table

MANY: Final = 3
_COLUMNS: Final = ("subscribers", *journey.COLUMNS)


def measure(bench: Bench) -> Section:
    """The house of `e2e`, once with one subscriber and once with three, who all want the same."""
    seconds = bench.asked.seconds
    requests = corpus.requests(journey.WARM_UP + int(sum(journey.RATES) * seconds))
    found = {count: journey.travelled(bench, _wants(count), requests, seconds) for count in (1, MANY)}
    rows = [[str(count), *row] for count, journeys in found.items() for one in journeys for row in journey.rows(one)]
    return Section(
        "told",
        "Webhook in, subscriber told",
        [Table(_COLUMNS, rows), *(journey.cpu(journeys) for journeys in found.values())],
        [_goal([one for journeys in found.values() for one in journeys])],
        [
            "The whole house, the load generator and the subscribers on one machine. Every webhook is one event, one "
            "transaction's row and one signed POST to each subscriber; the calls have a customer each, so that none waits "
            "for another.",
            "All from the moment a webhook was due. Committed: PostgreSQL's own commit timestamp. Told: a subscriber has the "
            f"whole notification; with {MANY} subscribers each of them counts. The second table is with one, the third with "
            f"{MANY}.",
            "Behind at the end: how long after the last webhook was due the last notification came.",
        ],
    )


def _wants(count: int) -> dict[str, str]:
    names = [house.SUBSCRIBER, *(f"{house.SUBSCRIBER}-{number}" for number in range(2, count + 1))]
    return dict.fromkeys(names, house.TOLD_AS)


def _goal(journeys: Sequence[Journey]) -> Goal:
    owed = sum(one.answers.acks * one.receivers for one in journeys)
    told = sum(len(one.told_ms) for one in journeys)
    return Goal("everybody told of everything that was acknowledged", f"{told:,} of {owed:,}", told == owed)
