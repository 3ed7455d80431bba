"""Reads what a client sent, body, query or id, and refuses what nothing behind it could hold."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, cast

from flask import request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.routing import BaseConverter

from ingress.api import faults
from ingress.problem import Problem

_UNHOLDABLE: Final = re.compile(r"[\0\ud800-\udfff]")


class IdConverter(BaseConverter):
    """`<id:…>` in a route: our UUIDs (36), Twilio's SIDs (34). Any other word is no id, and no query is made for it."""

    regex = "[A-Za-z0-9-]{34,36}"


def json_body() -> Any:
    """The JSON in the body. Raises Problem 415 (not JSON by its type), 400 (not JSON by its content), 413.

    U+0000 and single halves of surrogate pairs are JSON, but neither PostgreSQL nor UTF-8 can hold them.
    """
    if not request.is_json:
        raise Problem(415, "unsupported-media-type", "Unsupported Media Type", "Send Content-Type: application/json.")
    try:
        document = json.loads(_body().decode("utf-8"), parse_constant=_refuse_constant)
        unholdable = any(_UNHOLDABLE.search(text) for text in _texts(document))
    except (ValueError, RecursionError):
        raise _unreadable("It must be one JSON document in UTF-8.") from None
    if unholdable:
        raise _unreadable("A text in it has U+0000 or a single surrogate.")
    return document


def optional_body() -> Any:
    """As `json_body`, or an empty object when there is no body at all."""
    return json_body() if _body() else {}


def checked(schema: Schema, document: Any) -> dict[str, Any]:
    """The fields of a JSON document. Raises Problem 422 that lists every fault."""
    try:
        return cast("dict[str, Any]", schema.load(document))
    except ValidationError as refused:
        raise faults.invalid(faults.in_body(refused.normalized_messages())) from None


def query(schema: Schema) -> dict[str, Any]:
    """The parameters of the query string. Raises Problem 422."""
    given = request.args.to_dict()
    try:
        if unholdable := [name for name, value in given.items() if _UNHOLDABLE.search(name + value)]:
            raise ValidationError({name: ["has U+0000 or a single surrogate"] for name in unholdable})
        return cast("dict[str, Any]", schema.load(given))
    except ValidationError as refused:
        raise faults.invalid(faults.in_query(refused.normalized_messages())) from None


def missing(what: str) -> Problem:
    """There is no such thing, or none for this caller: the two look alike on purpose."""
    return Problem(404, "not-found", "Not Found", f"There is no such {what}.")


def _body() -> bytes:
    """The whole body. Raises RequestEntityTooLarge, also for one that does not say its length.

    Werkzeug cuts such a body off at the limit without a word, and half a request must not pass for a whole one.
    """
    body, limit = request.get_data(), request.max_content_length
    if request.content_length is None and limit is not None and len(body) >= limit:
        raise RequestEntityTooLarge
    return body


def _texts(document: Any) -> Iterator[str]:
    """Every text in a JSON document, the names of fields included."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, list):
        for item in document:
            yield from _texts(item)
    elif isinstance(document, dict):
        for name, value in document.items():
            yield name
            yield from _texts(value)


def _unreadable(detail: str) -> Problem:
    return Problem(400, "unreadable-body", "The body cannot be read", detail)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
