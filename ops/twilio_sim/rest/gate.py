"""What every REST request passes: the account's password, planned faults, and Twilio's headers on the way out."""

import hmac
import socket
import threading
import time

from flask import Blueprint, Response, g, request

from ops.twilio_sim.call_ledger import Placed
from ops.twilio_sim.faults import Fault
from ops.twilio_sim.ledger import Line
from ops.twilio_sim.odds import kind_of
from ops.twilio_sim.rest.errors import Refused, answer_of, body_of
from ops.twilio_sim.sms.optout import has_opted_out
from ops.twilio_sim.world import World

CODES = {429: 20429, 500: 20500, 503: 20503}
ASKED_BY = ("To", "From", "MessagingServiceSid", "Body")
PLACED_BY = ("To", "From", "Url", "Twiml")


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
            self._world.ledger.peak_requests = max(self._world.ledger.peak_requests, g.inside)
        kind = kind_of(request.method, request.path)
        g.line = self._line(kind)
        g.fault = self._fault(kind)
        if g.fault and g.fault.when == "before" and (harmed := _harmed(g.fault, None)):
            return harmed
        try:
            self._check_password()
        except Refused as refused:
            return answer_of(refused)
        return None

    def _line(self, kind: str) -> Line | Placed | None:
        if kind == "place":
            return self._world.call_ledger.open(request.form.to_dict())
        return self._text_line() if kind == "create" else None

    def _text_line(self) -> Line:
        form = request.form.to_dict()
        person, senders = form.get("To", ""), (form.get("From", ""), form.get("MessagingServiceSid", ""))
        return self._world.ledger.open(form, opted_out=has_opted_out(self._world, person, *senders))

    def _fault(self, kind: str) -> Fault | None:
        """A planned one, the limit of requests at once, or what the odds have for a request like this."""
        world = self._world
        if planned := world.faults.take(request.method, request.path):
            return planned
        if 0 < world.settings.concurrency_limit < g.inside:
            return world.odds.of(kind).throttle()
        return world.odds.draw(kind, *_asked(kind))

    def _leave(self, response: Response) -> Response:
        if g.fault and g.fault.when == "after":
            response = _harmed(g.fault, response) or response
        if g.line:
            _note_answer(g.line, response, g.fault)
        if self._world.settings.takes_s and response.status_code != 429:  # a refusal costs Twilio nothing
            time.sleep(max(0.0, g.began + self._world.settings.takes_s - time.monotonic()))
        with self._lock:
            self._inside -= 1
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


def _note_answer(line: Line | Placed, response: Response, fault: Fault | None) -> None:
    if fault:
        line.delayed_s = fault.delay_s
    if fault and fault.reset:
        line.answer = "lost"
        return
    line.answer = "broken" if fault and fault.body and not fault.status else "given"
    line.http_status = response.status_code
    if response.status_code >= 400:
        line.code = (response.get_json(silent=True) or {}).get("code")


def _asked(kind: str) -> list[str]:
    """What names the request again in another run: no SIDs, dates or ids, which differ from run to run."""
    if kind in ("create", "place"):
        return [request.form.get(name, "") for name in (ASKED_BY if kind == "create" else PLACED_BY)]
    return [request.method, request.path, *(f"{n}={v}" for n, v in request.args.items() if n in ASKED_BY)]


def _harmed(fault: Fault, response: Response | None) -> Response | None:
    """None when the fault was a mere delay and the request goes on."""
    if fault.delay_s:
        time.sleep(fault.delay_s)
    if fault.reset:
        _cut()
    if fault.reset or fault.status:
        return _error(fault)
    if fault.body and response is not None:
        whole = response.get_data()
        response.set_data(whole[: len(whole) // 2] if fault.body == "broken" else b"")
    return response


def _error(fault: Fault) -> Response:
    status = fault.status or 500
    about = "Too Many Requests" if status == 429 else "A fault on purpose"
    harmed = body_of(status, CODES.get(status, status), about)
    harmed.status_code = status
    if fault.body:
        page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
        harmed = Response(page if fault.body == "html" else "", status, mimetype="text/html")
    if fault.retry_after_s is not None:
        harmed.headers["Retry-After"] = str(fault.retry_after_s)
    return harmed


def _cut() -> None:
    """The client sees its connection break off without a byte of an answer."""
    line = request.environ.get("twilio_sim.socket")
    if isinstance(line, socket.socket):
        line.shutdown(socket.SHUT_RDWR)
