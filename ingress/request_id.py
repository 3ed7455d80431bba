"""The id of a request: the caller's own if it is harmless, else a new one; on every answer and on every log line."""

import re
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request

HEADER = "X-Request-Id"
# Long enough to be unique, short and plain enough to be put into logs and headers as it is.
_HARMLESS = re.compile(r"[A-Za-z0-9_-]{8,64}\Z")


def install(app: Flask) -> None:
    """Install it first: what other hooks log then carries the id."""
    app.before_request(_take)
    app.after_request(_return)


def current() -> str:
    """The id of the request in hand. Errors may come before any hook ran, so it is made on first use."""
    if "request_id" not in g:
        given = request.headers.get(HEADER, "")
        g.request_id = given if _HARMLESS.match(given) else uuid4().hex
    return g.request_id


def _take() -> None:
    # Threads are reused: who asked last time must not be said of this request.
    structlog.contextvars.unbind_contextvars("client_id")
    structlog.contextvars.bind_contextvars(request_id=current())


def _return(response: Response) -> Response:
    response.headers[HEADER] = current()
    return response
