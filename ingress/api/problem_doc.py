"""What the documentation says of refusals: one schema for all, one response for each status."""

from http import HTTPStatus
from typing import Any, Final

from apispec import APISpec

from ingress.api.operations import OPERATIONS, SERVICE, Operation

_TEXT: Final = {"type": "string"}
_FAULT: Final = {
    "type": "object",
    "required": ["code", "detail"],
    "properties": {
        "pointer": {**_TEXT, "description": "Where in the body (JSON Pointer as a fragment)."},
        "parameter": {**_TEXT, "description": "Which query parameter."},
        "code": _TEXT,
        "detail": _TEXT,
    },
}
_PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {**_TEXT, "format": "uri-reference", "description": "The kind of problem; never changes its meaning."},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "instance": {**_TEXT, "description": "The request id."},
        "errors": {"type": "array", "items": _FAULT},
        "twilio_code": {"type": "integer", "description": "Twilio's error code, if Twilio refused."},
        "more_info": {**_TEXT, "format": "uri"},
    },
}
_PLATFORM_ERROR: Final = {
    "type": "object",
    "required": ["success", "error"],
    "properties": {
        "success": {"const": False},
        "error": {"type": "object", "required": ["code", "message"], "properties": {"code": _TEXT, "message": _TEXT}},
    },
}
_HEADERS: Final = {
    401: {"WWW-Authenticate": {"schema": _TEXT}},
    409: {"Retry-After": {"schema": {"type": "integer"}}},
    503: {"Retry-After": {"schema": {"type": "integer"}}},
}

# RFC 9110 renamed these; Python's table followed in 3.13 only, and the document must not depend on who writes it.
_RENAMED: Final = {413: "Content Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}


def register_problems(spec: APISpec) -> None:
    """Adds the schemas and a response for each status any operation may refuse with."""
    spec.components.schema("Problem", _PROBLEM)
    spec.components.schema("PlatformError", _PLATFORM_ERROR)
    for one in OPERATIONS:
        for status in one.problems:
            if _name(status, one) not in spec.components.responses:
                spec.components.response(_name(status, one), _response(status, one))


def problem_ref(status: int, one: Operation) -> str:
    """The name of the response with which `one` refuses."""
    return _name(status, one)


def _name(status: int, one: Operation) -> str:
    return f"{'PlatformError' if SERVICE in one.security else 'Problem'}{status}"


def _response(status: int, one: Operation) -> dict[str, Any]:
    is_platform = SERVICE in one.security
    media_type = "application/json" if is_platform else "application/problem+json"
    schema = "PlatformError" if is_platform else "Problem"
    response: dict[str, Any] = {
        "description": _RENAMED.get(status) or HTTPStatus(status).phrase,
        "content": {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }
    return response | ({"headers": _HEADERS[status]} if status in _HEADERS else {})
