"""Whether a text that Twilio took and lost is sent once more, as a text of its own: its successor.

Only where it is certain that nobody got the first. "failed" says that it never left Twilio; "undelivered" says that the
carrier had it and tells of no arrival, which counts with those codes only that say why nobody can have got it. Whatever else
was heard that does not fit leaves a doubt, and then there is no other text. The order in which it was heard plays no part.
(Twilio docs, tracking outbound message status.)
"""

from collections.abc import Set
from typing import Final

from shared.domain.error_classes import ErrorRule
from shared.domain.message_life import MESSAGE_ARRIVED

# With these some of it was with the carrier, or with the recipient: a text that "failed" had not left.
_SOMEBODY_HAS_SOME: Final = MESSAGE_ARRIVED | {"partially_delivered"}
_CARRIER_HAS_IT: Final = frozenset({"sent", "undelivered"})


def is_lost(statuses: Set[str], rule: ErrorRule) -> bool:
    """Whether nobody can have got the text of which Twilio said all `statuses`, and the code of `rule`."""
    if statuses & _SOMEBODY_HAS_SOME or "canceled" in statuses:
        return False
    if "failed" in statuses:
        return not statuses & _CARRIER_HAS_IT
    return "undelivered" in statuses and not rule.may_have_arrived


def may_succeed(statuses: Set[str], rule: ErrorRule, attempt: int) -> bool:
    """Whether another text may follow number `attempt` of its line (from 1), by what Twilio said of that one."""
    return rule.repeat != "resolve" and rule.may_follow(attempt) and is_lost(statuses, rule)
