"""Turns whatever is raised while a request is served into an honest answer; nothing else in the ingress catches broadly."""

import math
from datetime import UTC, datetime

import psycopg
from flask import Flask, request
from flask.typing import ResponseReturnValue
from psycopg.errors import ReadOnlySqlTransaction
from werkzeug.exceptions import HTTPException

from ingress import request_id
from ingress.problem import Problem, answer
from shared import errors, log

__all__ = ["Problem", "install", "problem_of"]

# A database that is failing over is back within seconds; asking sooner only adds to its load.
_STORE_RETRY_S = 2
_TWILIO_ERROR_PAGE = "https://www.twilio.com/docs/api/errors/{code}"


def install(app: Flask) -> None:
    """Every non-2xx of the service goes through here, routing errors and bugs included."""
    app.register_error_handler(Exception, _handle)


def _handle(error: Exception) -> ResponseReturnValue:
    if isinstance(error, HTTPException) and error.response is not None:
        return error.response
    problem = problem_of(error)
    if problem.status == 500:
        log.get().error("request_failed", path=request.path, exc_info=error)
    elif problem.status >= 502:
        log.get().warning("request_unserved", path=request.path, reason=problem.slug, error_type=type(error).__name__)
    return answer(problem, request.path, request_id.current())


def problem_of(error: Exception) -> Problem:
    """What a client is told of `error`. Total: what nobody foresaw is a 500 that tells nothing of our insides."""
    match error:
        case Problem():
            return error
        case HTTPException():
            return _of_http(error)
        case errors.TwilioServerError():
            return _of_outcome(error)
        case psycopg.OperationalError() | psycopg.InterfaceError() | ReadOnlySqlTransaction():
            return _later("store-unavailable", "The store cannot be reached right now", _STORE_RETRY_S)
        case _:
            return Problem(500, "internal-error", "Internal Server Error", "A fault of ours; it has been logged.")


def _of_http(error: HTTPException) -> Problem:
    """Werkzeug's own words and headers: a 405 keeps its Allow, a 416 its Content-Range."""
    headers = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    slug = error.name.lower().replace(" ", "-").replace("'", "")
    return Problem(error.code or 500, slug, error.name, error.description or "", headers=headers)


def _of_outcome(error: errors.TwilioServerError) -> Problem:
    match error:
        case errors.Transient():
            return _later(_slug(error.reason), "Not possible right now", error.retry_after_s or _STORE_RETRY_S)
        case errors.Deferred():
            wait_s = (error.until - datetime.now(UTC)).total_seconds()
            return _later(_slug(error.reason), "Not possible before a later moment", max(1.0, wait_s))
        case errors.NotStored():
            return _later("not-stored", "The store cannot be reached right now", _STORE_RETRY_S)
        case errors.OnHold():
            return Problem(
                409, "legal-hold", "On legal hold", "A legal hold forbids to delete it; it has to be lifted first."
            )
        case errors.Permanent():
            return Problem(
                422, _slug(error.reason), "Refused for good", error.reason, members=_twilio(error.twilio_code)
            )
        case errors.Unreadable():
            return Problem(400, "unreadable", "Not readable", error.reason)
        case _:
            return Problem(502, "outcome-unknown", "It is not known whether it happened", error.reason)


def _later(slug: str, title: str, retry_after_s: float) -> Problem:
    return Problem(503, slug, title, headers={"Retry-After": str(math.ceil(retry_after_s))})


def _twilio(code: int | None) -> dict[str, object]:
    return {} if code is None else {"twilio_code": code, "more_info": _TWILIO_ERROR_PAGE.format(code=code)}


def _slug(reason: str) -> str:
    return reason.replace("_", "-").replace(" ", "-").lower()
