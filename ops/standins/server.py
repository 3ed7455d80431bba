"""Knows how the stand-ins are served: werkzeug's threaded server.

Why not gunicorn: the state is memory of one process, so there is nothing for a master and its workers to do, and
this one is up in a fraction of a second. It starts a thread per connection, which suits a handful of pooled clients.
"""

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server


class QuietHandler(WSGIRequestHandler):
    """Keeps connections open and does not log: the requests are in the state, in order."""

    protocol_version = "HTTP/1.1"
    # Head and body are two small writes; Nagle would hold the second one back for 40 ms.
    disable_nagle_algorithm = True
    # An idle pooled connection gives its thread back after this many seconds.
    timeout = 60

    def log(self, type: str, message: str, *args: object) -> None:
        """Say nothing."""


def listen(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """A bound server that does not serve yet; port 0 takes a free one, read it from `server_port`."""
    return make_server(host, port, app, threaded=True, request_handler=QuietHandler)
