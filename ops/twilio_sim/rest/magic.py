"""Twilio's test numbers: what a request that names one of them is refused with."""

from ops.twilio_sim.rest.errors import Refused

GOOD = "+15005550006"
SMS_TO = {"+15005550001": 21211, "+15005550002": 21612, "+15005550003": 21408, "+15005550004": 21610,
          "+15005550009": 21614}  # fmt: skip
SMS_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
CALL_TO = {"+15005550001": 21217, "+15005550002": 21214, "+15005550003": 21215, "+15005550004": 21216}
CALL_FROM = {"+15005550001": 21212}
BUY = {"+15005550000": 21422, "+15005550001": 21421}


def refuse_magic(number: str, table: dict[str, int]) -> None:
    """Raises Refused if `number` stands in `table`."""
    if number in table:
        raise Refused(table[number], number)
