"""What sends a text: the kinds of sender Twilio knows, how fast each may send and what it may not."""

import re
from typing import Final, Literal

from shared.domain.phone import is_e164

SenderKind = Literal["long-code", "toll-free", "short-code", "alphanumeric", "service"]

# FCC, "What is a toll-free number": the codes in service in the North American plan.
_TOLL_FREE: Final = re.compile(r"\+1(800|833|844|855|866|877|888)[0-9]{7}\Z")
_SERVICE: Final = re.compile(r"MG[0-9a-fA-F]{32}\Z")
_SHORT_CODE: Final = re.compile(r"[1-9][0-9]{2,7}\Z")  # 5 or 6 digits in the US and Canada, 3 to 8 elsewhere
# Twilio docs, "Alphanumeric Sender ID": 1 to 11 of these, one letter at least.
_ALPHANUMERIC: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +\-_&]{1,11}\Z")

NORTH_AMERICA: Final = frozenset({"US", "CA"})
# Segments a second, Twilio docs "Understanding Twilio rate limits and message queues". A service chooses among senders we
# may not know: it gets the rate of the slowest.
_RATES: Final[dict[SenderKind, int]] = {
    "long-code": 1,
    "toll-free": 3,
    "short-code": 100,
    "alphanumeric": 10,
    "service": 1,
}
_LONG_CODE_ABROAD: Final = 10
# Twilio docs, "Alphanumeric Sender ID", international support: the carriers of these do not take one.
_NO_ALPHANUMERIC: Final = frozenset({"US", "CA", "PR"})


def kind_of(sender: str) -> SenderKind:
    """The kind of sender that `sender`, as given to Twilio, is. Raises ValueError when it is none."""
    if _SERVICE.match(sender):
        return "service"
    if sender.startswith("+"):
        return _kind_of_number(sender)
    if _SHORT_CODE.match(sender):
        return "short-code"
    if _ALPHANUMERIC.match(sender):
        return "alphanumeric"
    raise ValueError("neither a number in E.164 nor a short code, an alphanumeric sender or a messaging service")


def likely_kind(sender: str) -> SenderKind:
    """As `kind_of`; what is no sender we know (an address of another channel) counts as the slowest: it stops nobody."""
    try:
        return kind_of(sender)
    except ValueError:
        return "long-code"


def default_rate(kind: SenderKind, region: str | None = None) -> int:
    """Segments a second that Twilio sends for one sender of this kind; `region` is the sender's (ISO 3166).

    A long code of an unknown region is taken for a slow one. An MMS counts as one segment (`media_rules`).
    """
    if kind == "long-code" and region is not None and region not in NORTH_AMERICA:
        return _LONG_CODE_ABROAD
    return _RATES[kind]


def can_send_media(kind: SenderKind, region: str | None = None) -> bool:
    """Whether an MMS may go out: from the numbers of the US and Canada. A sender of an unknown region is not refused."""
    return kind != "alphanumeric" and (region is None or region in NORTH_AMERICA)


def can_be_answered(kind: SenderKind) -> bool:
    """Whether a reply, STOP too, can reach it: an alphanumeric sender is a name, not an address."""
    return kind != "alphanumeric"


def can_reach(kind: SenderKind, sender_region: str | None, recipient_region: str | None) -> bool:
    """Whether texts of this kind of sender arrive there at all. An unknown region is not refused.

    An alphanumeric sender is not taken in the US, Canada and Puerto Rico; a short code is known in its country only.
    """
    if recipient_region is None:
        return True
    if kind == "alphanumeric":
        return recipient_region not in _NO_ALPHANUMERIC
    return kind != "short-code" or sender_region is None or sender_region == recipient_region


def _kind_of_number(sender: str) -> SenderKind:
    if not is_e164(sender):
        raise ValueError("a number that is not in E.164")
    return "toll-free" if _TOLL_FREE.match(sender) else "long-code"
