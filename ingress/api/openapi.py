"""The OpenAPI document: built from the schemas the views use, so it cannot tell another story than the code.

`python -m ingress.api` writes it to ops/docs/openapi.json, and a test fails while that copy is old.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask, Response

from ingress.api import notices_doc
from ingress.api.operations import KEY, OPERATIONS, SERVICE, USER, Operation
from ingress.api.problem_doc import problem_ref, register_problems
from ingress.api.recording_schemas import LONGEST_PURPOSE
from ingress.api.waiting import LONGEST_S
from ingress.idempotency import LONGEST_KEY
from shared.bulk_request import RecipientSchema

VERSION: Final = "1"
COPY: Final = Path(__file__).parents[2] / "ops" / "docs" / "openapi.json"
_ABOUT: Final = (
    "Calls, texts and recordings of the NeverMissCall platform through Twilio. Every path below `/api` is also there "
    "below `/api/v1`. Every refusal is `application/problem+json` (RFC 9457); every answer carries `X-Request-Id`."
)
_SECURITY: Final = {
    KEY: {"type": "http", "scheme": "bearer", "bearerFormat": "tsk_…", "description": "An API key with scopes."},
    USER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A user token of the platform."},
    SERVICE: {"type": "apiKey", "in": "header", "name": "X-Service-Key", "description": "The platform's service key."},
}
_HEADERS: Final[dict[str, tuple[str, dict[str, Any], str]]] = {
    "IdempotencyKey": (
        "Idempotency-Key",
        {"type": "string", "maxLength": LONGEST_KEY},
        "The same key again within 24 hours gets the first answer again, with `Idempotent-Replayed: true`.",
    ),
    "Prefer": (
        "Prefer",
        {"type": "string", "examples": ["wait=2"]},
        f"`wait=N`: hold the answer up to N seconds, at most {LONGEST_S}, for Twilio's word (RFC 7240).",
    ),
    "IfMatch": (
        "If-Match",
        {"type": "string", "examples": ['"3"']},
        "Only if the `ETag` is still this one; else 412 (RFC 9110).",
    ),
    "Purpose": (
        "X-Purpose",
        {"type": "string", "maxLength": LONGEST_PURPOSE},
        "What it is for, as the parameter `purpose`; kept in the audit.",
    ),
    "Range": ("Range", {"type": "string", "examples": ["bytes=0-65535"]}, "One range of the sound (RFC 9110)."),
}

_LOCATION: Final[dict[str, Any]] = {
    "Location": {"description": "Where it is from now on.", "schema": {"type": "string"}}
}


def install(app: Flask) -> None:
    """Serves the document, built now and never again."""
    text = _text()
    app.add_url_rule("/openapi.json", "openapi", lambda: Response(text, content_type="application/json"))


@cache
def _text() -> str:
    """Once a process: it is the same for every application."""
    return written(document())


def written(spec: dict[str, Any]) -> str:
    """The document as a file: stable, so that a change is seen in a diff."""
    return json.dumps(spec, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def document() -> dict[str, Any]:
    """The whole of it, as OpenAPI 3.1.1."""
    spec = APISpec(
        title="twilio-server", version=VERSION, openapi_version="3.1.1", plugins=[MarshmallowPlugin()],
        info={"description": _ABOUT, "license": {"name": "MIT", "identifier": "MIT"}}, servers=[{"url": "/"}],
        webhooks=notices_doc.webhooks(),
    )  # fmt: skip
    for name, scheme in _SECURITY.items():
        spec.components.security_scheme(name, scheme)
    for name, (header, schema, meaning) in _HEADERS.items():
        spec.components.parameter(name, "header", {"name": header, "schema": schema, "description": meaning})
    for name, schema in notices_doc.schemas().items():
        spec.components.schema(name, schema)
    spec.components.schema("Recipient", schema=RecipientSchema)
    register_problems(spec)
    for operation in OPERATIONS:
        spec.path(operation.path, operations={operation.method: _operation(operation)})
    return spec.to_dict()


def _operation(one: Operation) -> dict[str, Any]:
    told = {
        "operationId": one.name,
        "tags": [one.tag],
        "summary": one.summary,
        "description": " ".join(filter(None, (one.description, f"Scope: `{one.scope}`." if one.scope else ""))),
        "security": [{name: []} for name in one.security],
        "parameters": _parameters(one),
        "responses": _answers(one) | {str(status): problem_ref(status, one) for status in one.problems},
    }
    if one.body:
        others = _others(one.other_bodies)
        told["requestBody"] = {
            "required": not one.is_body_optional,
            "content": {"application/json": {"schema": one.body}} | others,
        }
    return {name: value for name, value in told.items() if value}


def _parameters(one: Operation) -> list[Any]:
    named = [part[1:-1] for part in one.path.split("/") if part.startswith("{")]
    in_path: list[Any] = [
        {"in": "path", "name": name, "required": True, "schema": {"type": "string"}} for name in named
    ]
    in_query: list[Any] = [{"in": "query", "schema": one.query}] if one.query else []
    return in_path + in_query + list(one.headers)


def _answers(one: Operation) -> dict[str, Any]:
    answers = {str(status): _answer(one, status, meaning, schema) for status, (meaning, schema) in one.answers.items()}
    if one.has_sound:
        sound = {"audio/*": {"schema": {"type": "string", "format": "binary"}}}
        answers["200"]["content"] |= sound
        answers["206"] = {"description": "A range of the sound.", "content": sound}
        if one.scope:
            answers["307"] = {"description": "The sound is behind this link (`delivery=link`).", "headers": _LOCATION}
    if one.has_sound or one.media_types:
        answers["304"] = {"description": "It has not changed (If-None-Match)."}
    if one.has_csv:
        answers["200"]["content"]["text/csv"] = {"schema": {"type": "string"}}
    return answers


def _answer(one: Operation, status: int, meaning: str, schema: Any) -> dict[str, Any]:
    shape = _page(schema) if one.is_list else schema
    plain = {name: {"schema": {"type": "string", "format": "binary"}} for name in one.media_types}
    answer: dict[str, Any] = {"description": meaning, "content": plain or {"application/json": {"schema": shape}}}
    if status in (201, 202) and one.body:
        answer["headers"] = _LOCATION
    return answer


def _others(media_types: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"schema": {"type": "string", "description": what}} for name, what in media_types.items()}


def _page(schema: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["data", "has_more", "next_cursor"],
        "properties": {
            "data": {"type": "array", "items": schema},
            "has_more": {"type": "boolean"},
            "next_cursor": {"type": ["string", "null"]},
        },
    }
