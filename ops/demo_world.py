"""The small world the sandbox plays in: one business, its two numbers, its owners' phones and its customers.

The seed writes it into the stack, the demo plays in it. All numbers are fictitious (555-01xx).
"""

from typing import Final

TENANT: Final = "7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0001"

# Calls to BUSINESS are put through to OWNER; a missed one is told to as-call-service, which has a text sent.
BUSINESS: Final = "+14155550100"
OWNER: Final = "+14155550199"

# Calls to RECORDED are announced as recorded, put through to another phone of the owner, and recorded.
RECORDED: Final = "+14155550101"
RECORDED_OWNER: Final = "+14155550198"

# One customer for every story, so that the stories can be told at the same time.
MISSED_CUSTOMER: Final = "+12125550142"
ANSWERED_CUSTOMER: Final = "+12125550143"
RECORDED_CUSTOMER: Final = "+12125550144"
HTTP_CUSTOMER: Final = "+12125550145"
CELERY_CUSTOMER: Final = "+12125550146"
REPEATED_CUSTOMER: Final = "+12125550147"
FORGED_CUSTOMER: Final = "+12125550148"
BURST_CUSTOMER: Final = "+12125550149"

CUSTOMERS: Final = (
    MISSED_CUSTOMER,
    ANSWERED_CUSTOMER,
    RECORDED_CUSTOMER,
    HTTP_CUSTOMER,
    CELERY_CUSTOMER,
    REPEATED_CUSTOMER,
    FORGED_CUSTOMER,
    BURST_CUSTOMER,
)

# Subscribers of signed notifications, at {TS_STANDINS_URL}/subscriber/{name}: one for message statuses, one for all.
DELIVERY_SUBSCRIBER: Final = "ns-delivery"
ANALYTICS_SUBSCRIBER: Final = "as-analytics"
SUBSCRIBERS: Final = (DELIVERY_SUBSCRIBER, ANALYTICS_SUBSCRIBER)
