"""How urgent a text is, and for how long it is worth sending, by what it is for.

A person who has just called waits for an answer; somebody who is told something has a few hours; of many who are told the
same nobody waits. So a bulk never delays a reply, and a reply that comes too late is not sent at all.
"""

from typing import Final

from shared.domain.law import Purpose

CONVERSATION, TRANSACTIONAL, BULK = range(3)

# Seconds by lane: an hour is the end of a conversation, four are of use for news, and ten hours are what Twilio itself
# keeps a text at the most (ValidityPeriod, 36,000 s).
VALIDITY_S: Final = (3_600, 14_400, 36_000)


def lane_of(purpose: Purpose, *, in_bulk: bool = False) -> int:
    """The lane of a text: 0 goes first. Part of a bulk is never before anything that was asked for alone."""
    if in_bulk or purpose == "marketing":
        return BULK
    return CONVERSATION if purpose == "conversation" else TRANSACTIONAL
