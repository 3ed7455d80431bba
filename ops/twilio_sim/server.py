"""The HTTP server under the simulator: werkzeug's, with a thread for each connection.

gunicorn would bring worker processes, which in-memory books cannot have, and a fixed number of threads,
which fifty callers that wait for each other can fill; werkzeug's starts in no time, gives every
connection its thread and lets a fault cut the connection's socket.
"""

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server


class QuietHandler(WSGIRequestHandler):
    """Prints no line for each request. The server closes every connection after its answer, and says so."""

    protocol_version = "HTTP/1.1"
    # A client that never finishes its request holds a thread: it is let go after this many seconds.
    timeout = 60

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return


def server_for(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """Bound and listening, not yet serving. Raises OSError (or SystemExit from werkzeug) when the port is taken."""
    return make_server(host, port, app, threaded=True, request_handler=QuietHandler)
