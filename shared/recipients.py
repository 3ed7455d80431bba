"""What a phone number alone tells of its owner, from data that lies on this disk: nobody is asked over the network.

Zones come from phonenumbers (libphonenumber), by exchange. States come from a table of our own by area code: the geocoder of
phonenumbers would cost each process 150 MB and three seconds. A number that was taken along in a move makes both a guess.
"""

from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType, timezone

from shared import data
from shared.domain.phone import is_e164, is_reachable, without_channel
from shared.domain.recipient import TERRITORIES, Kind, Recipient

_NO_ZONE: Final = "Etc/Unknown"
_PREMIUM: Final = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})


@lru_cache(maxsize=10_000)  # a few MB; a number is asked for when its text is taken on and again when it leaves
def of(address: str) -> Recipient:
    """Who is at `address`: E.164, or that behind a channel's name (`whatsapp:+1…`). What is neither has no region."""
    number = without_channel(address)
    try:
        parsed = phonenumbers.parse(number) if is_e164(number) else None
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not is_reachable(number):
        return Recipient(number, None, kind="withheld" if not is_reachable(number) else "other")
    region, kind = _region(parsed), _kind(parsed)
    return Recipient(number, region, kind, _states(number, region, kind), _zones(parsed))


def _region(parsed: PhoneNumber) -> str | None:
    """None for toll-free numbers of +1 (any of twenty countries) and for numbers of no country."""
    if parsed.country_code == 1 and phonenumbers.number_type(parsed) == PhoneNumberType.TOLL_FREE:
        return None
    region = phonenumbers.region_code_for_number(parsed)
    if region is None and parsed.country_code is not None and parsed.country_code != 1:
        region = phonenumbers.region_code_for_country_code(parsed.country_code)
    return None if region in ("001", "ZZ") else region


def _kind(parsed: PhoneNumber) -> Kind:
    type_ = phonenumbers.number_type(parsed)
    if type_ in _PREMIUM:
        return "premium"
    return "toll-free" if type_ == PhoneNumberType.TOLL_FREE else "other"


def _states(number: str, region: str | None, kind: Kind) -> tuple[str, ...]:
    if region in TERRITORIES:
        return (region,)
    if region not in ("US", None) or kind == "toll-free" or number[:2] != "+1":
        return ()
    return tuple(state for state, codes in _area_codes().items() if int(number[2:5]) in codes)


def _zones(parsed: PhoneNumber) -> tuple[str, ...]:
    """The zones of the exchange; of a number that no exchange has, all of its country code."""
    found = [zone for zone in timezone.time_zones_for_number(parsed) if zone != _NO_ZONE]
    found = found or [zone for zone in timezone.time_zones_for_geographical_number(parsed) if zone != _NO_ZONE]
    return tuple(found)


def _area_codes() -> dict[str, list[int]]:
    return data.read("area_codes_us")["states"]
