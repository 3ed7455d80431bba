"""Phone numbers as people write them: read into E.164, and what the national plans say of a number.

Plans are those of `phonenumbers` (Google's libphonenumber), offline and as old as its release: so whether a number may be
texted is judged by its length alone, and `about` says what else is known.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType, ValidationResult
from phonenumbers.timezone import time_zones_for_number

from shared.domain.phone import WITHHELD, is_e164

Reason = Literal["empty", "withheld", "letters", "extension", "short-number", "no-country", "unknown-country",
                 "no-area-code", "too-short", "too-long", "wrong-length", "not-a-number"]  # fmt: skip
Kind = Literal[
    "mobile", "fixed-line", "fixed-or-mobile", "toll-free", "premium", "shared-cost", "pager", "voip", "unknown"
]

# In place of a caller's number; the same as digits are in `shared.domain.phone`.
_WITHHELD_WORDS: Final = {"anonymous", "restricted", "unavailable", "unknown", "private", "blocked", "withheld"}
_LONGEST: Final = 64  # characters: 15 digits with room for how people space them; longer is no number
_PUNCTUATION: Final = "+()-./ \t"
_SHORT: Final = 6  # digits: emergency, directory and short codes; the shortest subscriber numbers have as many

_LENGTHS: Final[dict[int, Reason]] = {
    ValidationResult.TOO_SHORT: "too-short",
    ValidationResult.TOO_LONG: "too-long",
    ValidationResult.INVALID_LENGTH: "wrong-length",  # between two that exist, as 8 digits where there are 7 and 9
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "no-area-code",
    ValidationResult.INVALID_COUNTRY_CODE: "unknown-country",
}
_FAULTS: Final[dict[int, Reason]] = {
    NumberParseException.INVALID_COUNTRY_CODE: "unknown-country",
    NumberParseException.TOO_SHORT_AFTER_IDD: "too-short",
    NumberParseException.TOO_SHORT_NSN: "too-short",
    NumberParseException.TOO_LONG: "too-long",
}
_KINDS: Final[dict[int, Kind]] = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "fixed-line",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed-or-mobile",
    PhoneNumberType.TOLL_FREE: "toll-free",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.SHARED_COST: "shared-cost",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.VOIP: "voip",
}


class NotAPhone(ValueError):
    """What was written is no number that could be texted; `reason` says why, the text is not repeated (it may be one)."""

    def __init__(self, reason: Reason):
        super().__init__(f"not a phone number that could be texted: {reason}")
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class About:
    """What the plans say of a number.

    `region` is its country (ISO 3166), the first of its calling code where the plan does not know the number, None for
    the international ones (+800, satellites). `zones` are the IANA zones it may be in: one for most area codes, dozens
    for a toll-free number, none where the plan does not know it.
    """

    region: str | None
    kind: Kind
    zones: tuple[str, ...]
    is_valid: bool
    is_possible: bool


def normalised(text: str, region: str | None = None) -> str:
    """`text` in E.164: international, or as dialled in `region` (ISO 3166, `US`); blanks, dashes, `tel:` as they come.

    Digits of any script count. Raises NotAPhone: for letters too (1-800-FLOWERS is more often a slip than a number), and
    for extensions, which no text can reach.
    """
    spelt = _plain(text)
    _check_spelling(spelt)
    national = None if region is None or spelt.startswith("+") else region.upper()
    number = _parsed(spelt, national)
    if national is not None and _is_short(spelt, national):
        raise NotAPhone("short-number")
    return _checked(number)


def about(number: str) -> About:
    """What is known of a number in E.164. Raises NotAPhone when it is none of any country."""
    parsed = _parsed(number, None)
    zones = time_zones_for_number(parsed)
    return About(
        region=_region_of(parsed),
        kind=_KINDS.get(phonenumbers.number_type(parsed), "unknown"),
        zones=() if zones == ("Etc/Unknown",) else tuple(zones),
        is_valid=phonenumbers.is_valid_number(parsed),
        is_possible=phonenumbers.is_possible_number(parsed),
    )


@lru_cache(maxsize=10_000)  # our own numbers are asked for with every text
def is_canonical(number: str) -> bool:
    """Whether `number` could be texted and is in E.164, in the one form of it.

    +4901701234567 and +114155552671 look like E.164 and reach the same phone as without the national prefix: taken as they
    are, whoever has opted out would be texted under a second name.
    """
    try:
        parsed = _parsed(number, None) if is_e164(number) else None
    except NotAPhone:
        return False
    if parsed is None or number in WITHHELD or _e164(parsed) != number:
        return False
    return phonenumbers.is_possible_number_with_reason(parsed) not in _LENGTHS


def _plain(text: str) -> str:
    """Full-width forms as plain ones, and none of the invisible marks that copying from an address book brings along."""
    visible = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    spelt = unicodedata.normalize("NFKC", visible).strip()
    return spelt[4:].strip() if spelt[:4].casefold() == "tel:" else spelt


def _check_spelling(spelt: str) -> None:
    """phonenumbers looks for a number in any text; here the text must be one."""
    if not spelt:
        raise NotAPhone("empty")
    if spelt.casefold() in _WITHHELD_WORDS:
        raise NotAPhone("withheld")
    head, _, parameters = spelt.partition(";")  # RFC 3966
    if ";ext=" in f";{parameters.casefold()}" or _has_extension(head):
        raise NotAPhone("extension")
    if any(letter.isalpha() for letter in head):
        raise NotAPhone("letters")
    if parameters or len(spelt) > _LONGEST or not all(map(_may_be_written, head)) or "+" in head[1:]:
        raise NotAPhone("not-a-number")


def _has_extension(spelt: str) -> bool:
    try:
        return bool(phonenumbers.parse(spelt, "US").extension)
    except NumberParseException:
        return False


def _may_be_written(letter: str) -> bool:
    return letter.isdecimal() or letter in _PUNCTUATION or unicodedata.category(letter) == "Pd"


def _parsed(spelt: str, region: str | None) -> PhoneNumber:
    try:
        return phonenumbers.parse(spelt, region)
    except NumberParseException as fault:
        no_country = fault.error_type == NumberParseException.INVALID_COUNTRY_CODE and not spelt.startswith("+")
        raise NotAPhone("no-country" if no_country else _FAULTS.get(fault.error_type, "not-a-number")) from None


def _is_short(spelt: str, region: str) -> bool:
    """Whether it is dialled as it is: 911, 116117, a short code."""
    digits = "".join(letter for letter in spelt if letter.isdecimal())
    if len(digits) > _SHORT:
        return False
    number = phonenumbers.parse(digits, region)
    return not phonenumbers.is_possible_number(number) or phonenumbers.is_valid_short_number_for_region(number, region)


def _checked(number: PhoneNumber) -> str:
    text = _e164(number)
    if text in WITHHELD:
        raise NotAPhone("withheld")
    if fault := _LENGTHS.get(phonenumbers.is_possible_number_with_reason(number)):
        raise NotAPhone(fault)
    if not is_e164(text):  # shorter than any number a text was ever sent to
        raise NotAPhone("too-short")
    if _e164(_parsed(text, None)) != text:  # a second national prefix, and perhaps a third
        raise NotAPhone("not-a-number")
    return text


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _region_of(number: PhoneNumber) -> str | None:
    region = phonenumbers.region_code_for_number(number)
    if region is None:
        region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return region if region.isalpha() and region != "ZZ" else None
