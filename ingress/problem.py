"""What a refusal looks like on the wire: problem+json for API clients, the platform's shape, a line of text for Twilio."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from flask import Response

from ingress.answer import Answer
from ingress.paths import door

# Kinds that the IANA registry of RFC 9457 has a name for.
_REGISTERED: Final = {
    "too-many-requests": "https://iana.org/assignments/http-problem-types#quota-exceeded",
    "busy": "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
}


class Problem(Exception):
    """A refusal with everything a client needs to act on it.

    `slug` names the kind for ever; `detail` is about this one occurrence; `errors` are `{pointer, code, detail}`;
    `members` are further fields of the problem document.
    """

    def __init__(
        self,
        status: int,
        slug: str,
        title: str,
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(title)
        self.status, self.slug, self.title, self.detail = status, slug, title, detail
        self.errors, self.headers, self.members = tuple(errors), dict(headers or {}), dict(members or {})

    @property
    def type(self) -> str:
        """A URI reference that stays the same whatever the wording becomes."""
        return _REGISTERED.get(self.slug, f"/problems/{self.slug}")


def answer(problem: Problem, path: str, request_id: str) -> Response:
    """The refusal in the words of whoever asked at `path`."""
    match door(path):
        case "webhook":
            body, media_type = f"{problem.title}. {problem.detail}".rstrip() + "\n", "text/plain; charset=utf-8"
        case "internal":
            body, media_type = json.dumps(_platform(problem)), "application/json"
        case "api":
            body, media_type = json.dumps(document(problem, request_id)), "application/problem+json"
    response = Response(body, problem.status, content_type=media_type)
    response.headers.update(problem.headers)
    return response


def as_answer(problem: Problem, path: str, request_id: str) -> Answer:
    """A refusal as an answer that may be kept and given again, for clients of the API and of the platform's endpoints."""
    if door(path) == "internal":
        return Answer(problem.status, _platform(problem), problem.headers)
    media_type = {"Content-Type": "application/problem+json"}
    return Answer(problem.status, document(problem, request_id), media_type | problem.headers)


def on_the_wire(problem: Problem, path: str) -> bytes:
    """The same where Flask is not reached; the connection ends with it."""
    response = answer(problem, path, uuid4().hex)
    body = response.get_data()
    lines = [
        f"HTTP/1.1 {response.status}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in problem.headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def document(problem: Problem, request_id: str) -> dict[str, Any]:
    """The problem details object of RFC 9457."""
    members: dict[str, Any] = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail or problem.title,
        "instance": request_id,
    }
    if problem.errors:
        members["errors"] = list(problem.errors)
    return members | problem.members


def _platform(problem: Problem) -> dict[str, Any]:
    faults = "; ".join(f"{fault.get('pointer', '')} {fault['detail']}".strip() for fault in problem.errors)
    code = problem.slug.upper().replace("-", "_")
    return {"success": False, "error": {"code": code, "message": faults or problem.detail or problem.title}}
