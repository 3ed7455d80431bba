"""Phone numbers as text: what E.164 looks like, and how much of a number a log may show."""

import re

# ITU-T E.164: at most 15 digits, the first is not 0. With its country code no number in use is below seven.
_E164 = re.compile(r"\+[1-9][0-9]{6,14}\Z")
# In any text, for the net that keeps numbers out of the logs: E.164, with or without the plus percent-encoded.
_IN_TEXT = re.compile(r"(?:\+|%2B)([1-9]\d{6,14})\b", re.IGNORECASE)
_SHOWN_HEAD, _SHOWN_TAIL = 5, 4  # +1415•••2671: the area for support, the tail to recognise, not enough to call


def is_e164(text: str) -> bool:
    """Whether `text` has the shape of a full international number."""
    return bool(_E164.match(text))


def without_channel(address: str) -> str:
    """The number in an address of a channel: `whatsapp:+14155552671` is +14155552671. Anything else is as it is."""
    number = address.rpartition(":")[2]
    return number if is_e164(number) else address


# Keypad spellings that carriers put in place of a withheld number: ANONYMOUS, RESTRICTED, UNAVAILABLE, UNKNOWN, BLOCKED,
# PRIVATE.
WITHHELD = frozenset({"+266696687", "+7378742833", "+86282452253", "+8656696", "+2562533", "+7748283"})


def is_reachable(text: str) -> bool:
    """Whether a text could be sent there: a dialled number, and not a carrier's spelling of "withheld"."""
    return is_e164(text) and text not in WITHHELD


def masked(number: str) -> str:
    """`+14155552671` as `+1415•••2671`. What is not a number (a client name, "anonymous") is not shown at all."""
    if not is_e164(number):
        return "(not a number)" if number else ""
    return f"{number[:_SHOWN_HEAD]}•••{number[-_SHOWN_TAIL:]}"


def scrubbed(text: str) -> str:
    """`text` with every phone number in it masked."""
    if "+" not in text and "%2" not in text:  # a fiftieth of the cost of looking for a number
        return text
    return _IN_TEXT.sub(lambda found: masked("+" + found.group(1)), text)
