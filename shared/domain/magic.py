"""Twilio's magic numbers: with test credentials each gives one answer, and nothing is sent or paid.

Source: Twilio docs, "Test credentials", for messages.
"""

import re
from typing import Final

_TEST_NUMBER: Final = re.compile(r"\+1500555[0-9]{4}\Z")  # the exchange that Twilio keeps for tests
VALID_SENDER: Final = "+15005550006"
# Recipient -> Twilio's error code.
TO: Final = {
    "+15005550001": 21211,  # not a valid number
    "+15005550002": 21612,  # Twilio cannot route to it
    "+15005550003": 21408,  # the account has no permission for the country
    "+15005550004": 21610,  # opted out
    "+15005550009": 21614,  # cannot receive texts
}
# Sender -> Twilio's error code.
FROM: Final = {
    "+15005550001": 21212,  # not a valid number
    "+15005550007": 21606,  # not a number of the account, or not for texts
    "+15005550008": 21611,  # its queue is full
}
_OTHER_SENDER: Final = 21606  # with test credentials the account owns no number


def is_test_number(number: str) -> bool:
    """Whether `number` is of the range that Twilio keeps for tests: no text to it reaches anybody."""
    return bool(_TEST_NUMBER.match(number))


def error_of(to: str, sender: str) -> int | None:
    """The error code that test credentials give a text from `sender` to `to`; None when it is taken. The sender goes first."""
    if sender != VALID_SENDER:
        return FROM.get(sender, _OTHER_SENDER)
    return TO.get(to)
