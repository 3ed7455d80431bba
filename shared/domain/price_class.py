"""Which of Twilio's price lists a text falls under. What is on them is Twilio's: no prices here."""

from typing import Literal

PriceClass = Literal["sms-domestic", "mms-domestic", "sms-international", "mms-international"]


def price_class(
    sender_region: str | None, recipient_region: str | None, *, has_media: bool = False, home: str = "US"
) -> PriceClass:
    """Twilio prices by the recipient's country, by SMS (a segment) or MMS (a message), and by what kind of sender it is.

    A sender without a country (alphanumeric, short code, service) counts as of `home`, where the account is. A recipient
    of no known country is priced as international.
    """
    is_domestic = recipient_region is not None and recipient_region == (sender_region or home)
    if has_media:
        return "mms-domestic" if is_domestic else "mms-international"
    return "sms-domestic" if is_domestic else "sms-international"
