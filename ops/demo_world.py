"""The small world the sandbox plays in: one business, its two numbers, its owners' phones and its customers.

The seed writes it into the stack, the demo plays in it. All numbers are fictitious (555-01xx).
"""

from hashlib import sha256
from typing import Final

TENANT: Final = "7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0001"

# Calls to BUSINESS are put through to OWNER; a missed one is told to as-call-service, which has a text sent.
BUSINESS: Final = "+14155550100"
OWNER: Final = "+14155550199"

# Calls to RECORDED are announced as recorded, put through to another phone of the owner, and recorded.
RECORDED: Final = "+14155550101"
RECORDED_OWNER: Final = "+14155550198"

# Who calls and texts when a person plays by hand.
MISSED_CUSTOMER: Final = "+12125550142"

# One customer for every story, so that the stories can be told at the same time. The two stories that hear what
# as-call-service was told have a stranger each, see below.
ANSWERED_CUSTOMER: Final = "+12125550143"
RECORDED_CUSTOMER: Final = "+12125550144"
HTTP_CUSTOMER: Final = "+12125550145"
CELERY_CUSTOMER: Final = "+12125550146"
FORGED_CUSTOMER: Final = "+12125550148"
BURST_CUSTOMER: Final = "+12125550149"

CUSTOMERS: Final = (
    MISSED_CUSTOMER,
    ANSWERED_CUSTOMER,
    RECORDED_CUSTOMER,
    HTTP_CUSTOMER,
    CELERY_CUSTOMER,
    FORGED_CUSTOMER,
    BURST_CUSTOMER,
)

AREA_CODES: Final = ("212", "305", "312", "404", "503", "617", "702", "808")


def stranger(seed: str) -> str:
    """A customer of one performance only, one of 800 numbers.

    What is told of a customer is told in order, and a stand-in that was restarted refuses what belongs to a call from
    before. Such a leftover would hold up the next performance, if it were about the same customer.
    """
    draw = int.from_bytes(sha256(seed.encode()).digest()[:4], "big")
    return f"+1{AREA_CODES[draw // 100 % len(AREA_CODES)]}55501{draw % 100:02}"


# Subscribers of signed notifications, at {TS_STANDINS_URL}/subscriber/{name}: one for message statuses, one for all.
DELIVERY_SUBSCRIBER: Final = "ns-delivery"
ANALYTICS_SUBSCRIBER: Final = "analytics"
SUBSCRIBERS: Final = (DELIVERY_SUBSCRIBER, ANALYTICS_SUBSCRIBER)
