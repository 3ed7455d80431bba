"""Reads what a client sent, body or query, and says of every fault where it is, which kind it is, and what would do."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, cast

from flask import request
from marshmallow import Schema, ValidationError

from ingress.problem import Problem

# 1,600 characters at twelve bytes each (JSON's \u escapes of an emoji) and ten long URLs fit twice.
LARGEST_BODY_BYTES: Final = 64 * 1024
# Our ids are UUIDs, Twilio's two letters and 32 hex digits; nothing else is worth a query.
_ID = re.compile(r"[A-Za-z0-9-]{34,36}\Z")


def json_body() -> Any:
    """The JSON in the body. Raises Problem 415 (not JSON by its type), 400 (not JSON by its content), 413."""
    request.max_content_length = LARGEST_BODY_BYTES
    if not request.is_json:
        raise Problem(415, "unsupported-media-type", "Unsupported Media Type", "Send Content-Type: application/json.")
    try:
        return json.loads(request.get_data().decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Problem(
            400, "unreadable-body", "The body is not JSON", "It must be one JSON document in UTF-8."
        ) from None


def optional_body() -> Any:
    """As `json_body`, or an empty object when there is no body at all."""
    return json_body() if request.content_length or "Transfer-Encoding" in request.headers else {}


def checked(schema: Schema, document: Any) -> dict[str, Any]:
    """The fields of a JSON document. Raises Problem 422 that lists every fault."""
    try:
        return cast("dict[str, Any]", schema.load(document))
    except ValidationError as refused:
        faults = [{"pointer": f"#{pointer}", **fault} for pointer, fault in _faults("", refused.normalized_messages())]
        raise invalid(faults) from None


def query(schema: Schema) -> dict[str, Any]:
    """The parameters of the query string. Raises Problem 422."""
    try:
        return cast("dict[str, Any]", schema.load(request.args.to_dict()))
    except ValidationError as refused:
        faults = [{"parameter": path[1:], **fault} for path, fault in _faults("", refused.normalized_messages())]
        raise invalid(faults) from None


def resource_id(text: str, what: str) -> str:
    """The id in a path. Raises Problem 404 for one that nothing can have."""
    if not _ID.match(text):
        raise missing(what)
    return text


def missing(what: str) -> Problem:
    """There is no such thing, or none for this caller: the two look alike on purpose."""
    return Problem(404, "not-found", "Not Found", f"There is no such {what}.")


def invalid(faults: list[dict[str, str]]) -> Problem:
    """A readable request with fields that will not do."""
    return Problem(422, "validation-failed", "Validation failed", "See errors.", errors=faults)


def _faults(at: str, messages: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """Walks marshmallow's tree of messages, each written as `code|detail`."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _faults(at if name == "_schema" else f"{at}/{_escaped(str(name))}", inner)
        return
    for message in messages:
        code, _, detail = str(message).partition("|")
        yield at, {"code": code, "detail": detail}


def _escaped(name: str) -> str:
    """A reference token of RFC 6901."""
    return name.replace("~", "~0").replace("/", "~1")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
