"""The body of a request is read before anybody looks at it: once, whole, and no larger than it may be."""

from flask import Flask, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from ingress.limits import MOST_BODY_BYTES, most_body_bytes


def install(app: Flask) -> None:
    """Install it behind what counts requests: it may refuse one."""
    app.config["MAX_CONTENT_LENGTH"] = MOST_BODY_BYTES
    app.before_request(_read)


def _read() -> None:
    """Raises BadRequest for chunks that are none, and RequestEntityTooLarge."""
    most = request.max_content_length = most_body_bytes(request.method, request.path)
    try:
        body = request.get_data(cache=True, parse_form_data=False)
    except ParseException as fault:  # gunicorn follows the chunks as they are read
        raise BadRequest("The body's chunks cannot be read.") from fault
    # Of a body in chunks werkzeug takes as much as is allowed, and gives that out as the whole of it.
    if request.content_length is None and len(body) >= most and request.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge
