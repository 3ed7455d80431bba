"""JSON that somebody else wrote: read as far as it can be, and never a reason to fail."""

import json
from typing import Final, cast

_LONGEST: Final = 262_144  # characters; a webhook's whole body is smaller


def members(text: str) -> dict[str, object]:
    """The members of a JSON object; none of anything else. Numbers stay text: 1.10 is not 1.1, and none is too long."""
    if len(text) > _LONGEST or not text.lstrip().startswith("{"):
        return {}
    try:
        found: object = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return {}
    return cast(dict[str, object], found)


def below(found: dict[str, object], name: str) -> dict[str, object]:
    """The object that is a member of an object; empty if it is none."""
    value = found.get(name)
    return cast(dict[str, object], value) if isinstance(value, dict) else {}


def scalar(found: dict[str, object], name: str) -> str:
    """A member that is a text, a number or a truth, as text; "" if it is none of them."""
    value = found.get(name)
    if isinstance(value, bool):
        return str(value).lower()
    return storable(value) if isinstance(value, str) else ""


def storable(text: str) -> str:
    """Without what PostgreSQL's text cannot hold: U+0000, and the lone surrogates that JSON can spell and UTF-8 cannot."""
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    return text.replace("\0", "").encode("utf-8", "replace").decode()
