"""Knows how the platform reads a JSON body: either spelling of a name, unknown keys ignored, bad values refused."""

import re
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from flask import Request

from ops.standins.envelope import Refused

E164 = re.compile(r"\+[1-9]\d{1,14}")


def json_object(request: Request) -> Mapping[str, object]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refused(400, "VALIDATION_ERROR", "the body must be a JSON object")
    return body


def text(body: Mapping[str, object], *spellings: str) -> str:
    """The first of these keys that is there. Raises Refused (400) when none is, or when it is not a filled text."""
    for name in spellings:
        if name in body:
            found = body[name]
            if isinstance(found, str) and found:
                return found
            break
    raise Refused(400, "VALIDATION_ERROR", f"{spellings[0]} is required and must be a text")


def phone(body: Mapping[str, object], *spellings: str) -> str:
    """An E.164 number: the platform's model takes nothing else, not even a withheld caller's `anonymous`."""
    found = text(body, *spellings)
    if not E164.fullmatch(found):
        raise Refused(400, "VALIDATION_ERROR", f"{spellings[0]} must be an E.164 number")
    return found


def uuid(body: Mapping[str, object], *spellings: str) -> str:
    try:
        return str(UUID(text(body, *spellings)))
    except ValueError:
        raise Refused(400, "VALIDATION_ERROR", f"{spellings[0]} must be a UUID") from None


def iso_time(body: Mapping[str, object], name: str) -> str | None:
    """An ISO 8601 moment, kept as it was written; None when it is not given."""
    if body.get(name) is None:
        return None
    try:
        datetime.fromisoformat(text(body, name))
    except ValueError:
        raise Refused(400, "VALIDATION_ERROR", f"{name} must be an ISO 8601 time") from None
    return str(body[name])


def seconds(body: Mapping[str, object], name: str) -> int:
    """A whole, non-negative number of seconds; 0 when it is not given."""
    found = body.get(name, 0)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise Refused(400, "VALIDATION_ERROR", f"{name} must be whole seconds")
    return found
