"""Knows what happens around every request: ordered faults, the service key, the log in order, the error body."""

import socket
from hmac import compare_digest
from time import sleep, time

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from ops.standins import engine
from ops.standins.books import Books
from ops.standins.envelope import Refused, refusal
from ops.standins.faults import ONLY_LATE, Fault

KEYED = ("as-call", "pns")
ENGINE = "engine"


def put_up(app: Flask, books: Books) -> None:
    app.before_request(lambda: _before(books))
    app.after_request(lambda answer: _after(books, answer))
    app.register_error_handler(Refused, lambda refused: refusal(refused.http_status, refused.code, refused.message))
    app.register_error_handler(HTTPException, _http_fault)


def service_asked() -> str | None:
    """Whose stand-in this request is for: `as-call`, `pns`, `engine`, a subscriber's name; None for the control API."""
    first, _, rest = request.path.lstrip("/").partition("/")
    if first in (*KEYED, ENGINE):
        return first
    return rest if first == "subscriber" else None


def _before(books: Books) -> Response | None:
    service = service_asked()
    if service is None:
        return None
    if service == ENGINE:
        request.max_content_length = engine.LARGEST_SOUND_BYTES
    g.fault = books.faults.next_for(service, request.path, _words_of(service))
    if service in KEYED and not _has_key(books.service_key):
        return refusal(401, "UNAUTHORIZED", "X-Service-Key is missing or wrong")
    return _suffer(g.fault, "before")


def _words_of(service: str) -> str:
    """What a fault may be `about`; a sound has no words. It is read all the same: an answer before its end may be lost."""
    body = request.get_data()
    return "" if service == ENGINE else body.decode("utf-8", "replace")


def _has_key(service_key: str) -> bool:
    """Compared as bytes: a header may hold what compare_digest refuses in a text."""
    return compare_digest(request.headers.get("X-Service-Key", "").encode(), service_key.encode())


def _after(books: Books, answer: Response) -> Response:
    service = service_asked()
    if service is None:
        return answer
    answer = _suffer(g.fault, "after") or answer
    is_cut = g.fault is not None and g.fault.is_cut
    books.note_request(
        {
            "service": service,
            "method": request.method,
            "path": request.path,
            "body": request.get_json(silent=True),
            "status": None if is_cut else answer.status_code,
            "answered_at_s": time(),
            "is_taken": not is_cut and answer.status_code < 300 and _says_success(answer),
        }
    )
    return answer


def _says_success(answer: Response) -> bool:
    if answer.is_streamed:
        return False
    document = answer.get_json(silent=True)
    return not isinstance(document, dict) or document.get("success") is not False


def _suffer(fault: Fault | None, moment: str) -> Response | None:
    if fault is None or fault.when != moment:
        return None
    sleep(fault.delay_s)
    if fault.is_cut:
        # werkzeug takes what it then cannot write for a client that went away, and says nothing.
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    elif fault.status == ONLY_LATE:
        return None
    if service_asked() == ENGINE:
        answer = engine.trouble(fault)
    else:
        answer = refusal(fault.status, "ORDERED_FAULT", "this trouble was ordered through /standin/faults")
    answer.headers.update(fault.headers)
    return answer


def _http_fault(error: HTTPException) -> Response:
    return refusal(error.code or 500, (error.name or "error").upper().replace(" ", "_"), error.description or "")
