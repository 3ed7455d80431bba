"""What every REST request passes: the account's password, planned faults, and Twilio's headers on the way out."""

import hmac
import socket
import threading
import time

from flask import Blueprint, Response, g, request

from ops.twilio_sim.faults import Fault
from ops.twilio_sim.rest.errors import Refused, answer_of, body_of
from ops.twilio_sim.world import World


class Gate:
    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._inside = 0

    def guard(self, api: Blueprint) -> None:
        """Stands before and behind every route of `api`."""
        api.before_request(self._enter)
        api.after_request(self._leave)
        api.register_error_handler(Refused, answer_of)

    def _enter(self) -> Response | tuple[Response, int] | None:
        g.began = time.monotonic()
        with self._lock:
            self._inside += 1
            g.inside = self._inside
        g.fault = self._world.faults.take(request.method, request.path)
        if g.fault and g.fault.when == "before":
            return _harm(g.fault, None)
        try:
            self._check_password()
        except Refused as refused:
            return answer_of(refused)
        return None

    def _leave(self, response: Response) -> Response:
        with self._lock:
            self._inside -= 1
        if g.fault and g.fault.when == "after":
            response = _harm(g.fault, response) or response
        headers = response.headers
        headers["Twilio-Request-Id"] = self._world.sids.new("RQ")
        headers["Twilio-Concurrent-Requests"] = str(g.inside)
        headers["Twilio-Request-Duration"] = f"{time.monotonic() - g.began:.3f}"
        headers["X-Home-Region"], headers["X-API-Domain"] = "us1", "api.twilio.com"
        if response.status_code == 401:
            headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
        return response

    def _check_password(self) -> None:
        account, given = self._world.account, request.authorization
        name, word = (given.username or "", given.password or "") if given and given.type == "basic" else ("", "")
        # Both are compared whatever the first says, so that the answer's time tells nothing.
        fits = [hmac.compare_digest(a.encode(), b.encode()) for a, b in ((name, account.sid), (word, account.token))]
        if not all(fits):
            raise Refused(20003, status=401)
        # Newer products have no account in their paths.
        if (request.view_args or {}).get("account_sid", account.sid) != account.sid:
            raise Refused(20404, request.path, 404)


def _harm(fault: Fault, response: Response | None) -> Response | None:
    time.sleep(fault.delay_s)
    if fault.reset:
        _cut()
    if not fault.status:
        return Response(status=500) if fault.reset else response
    code = {429: 20429, 500: 20500, 503: 20503}.get(fault.status, fault.status)
    harmed = body_of(fault.status, code, "Too Many Requests" if fault.status == 429 else "A fault on purpose")
    harmed.status_code = fault.status
    if fault.retry_after_s is not None:
        harmed.headers["Retry-After"] = str(fault.retry_after_s)
    return harmed


def _cut() -> None:
    """The client sees its connection break off without a byte of an answer."""
    line = request.environ.get("werkzeug.socket")
    if isinstance(line, socket.socket):
        line.shutdown(socket.SHUT_RDWR)
