"""Checks of form fields that several resources share."""

import re

from flask import Request

from ops.twilio_sim.rest.errors import Refused
from ops.twilio_sim.webhooks.address import is_http_url

E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def form_of(request: Request) -> dict[str, str]:
    """Repeated events are joined with blanks, as TwiML writes them; of other repeated names the first counts."""
    return {n: " ".join(values) if n.endswith("Event") else values[0] for n, values in request.form.lists()}


def is_number(text: str) -> bool:
    return bool(E164.fullmatch(text))


def url_field(form: dict[str, str], name: str, code: int) -> str:
    """An http(s) address or nothing. Raises Refused with `code` for anything else."""
    value = form.get(name, "").strip()
    if value and not is_http_url(value):
        raise Refused(code, value)
    return value


def method_field(form: dict[str, str], name: str) -> str:
    return "GET" if form.get(name, "POST").upper() == "GET" else "POST"


def number_field(form: dict[str, str], name: str, default: float, low: float, high: float) -> float:
    """Raises Refused 20001 when it is no number; out of bounds it becomes the bound."""
    value = form.get(name, "")
    if not value:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise Refused(20001, name)
    return min(max(float(value), low), high)
