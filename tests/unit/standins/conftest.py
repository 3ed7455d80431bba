"""The stand-ins on a free port, and a small twilio-server beside them that notes what it is asked to send."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
import requests
from flask import Flask, Response, jsonify, request
from standardwebhooks import Webhook

from ops.standins.app import build
from ops.standins.server import listen

KEY = "the-platform-key"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TENANT = "7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0001"


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The application behind a real socket; yields its URL."""
    server = listen(app, "127.0.0.1", 0)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class TwilioServer:
    """What the text-back asks for. `status` is what it answers; `during` runs while as-call-service waits."""

    jobs: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    status: int = 202
    during: Any = None

    def app(self) -> Flask:
        app = Flask("twilio-server")

        @app.post("/internal/sms/send")
        def send() -> tuple[Response, int]:
            self.jobs.append((dict(request.headers), request.get_json()))
            if self.during:
                self.during()
            return jsonify({"success": True, "messageSid": None, "status": "queued"}), self.status

        return app


@dataclass
class StandIns:
    url: str
    twilio_server: TwilioServer
    session: requests.Session

    def ask(self, method: str, path: str, json: object = None, key: str | None = KEY, **more: Any) -> requests.Response:
        headers = {"X-Service-Key": key} if key is not None else {}
        return self.session.request(method, self.url + path, json=json, headers=headers, timeout=10, **more)

    def as_call(self) -> dict[str, Any]:
        return self.ask("GET", "/standin/as-call/state").json()

    def received(self, name: str) -> list[dict[str, Any]]:
        return self.ask("GET", f"/standin/subscriber/{name}").json()["received"]

    def ways(self, **wishes: object) -> requests.Response:
        return self.ask("PUT", "/standin/as-call/ways", wishes)

    def incoming(self, call_sid: str = "CA1", **more: object) -> requests.Response:
        return self.ask("POST", "/as-call/calls/incoming", incoming_body(call_sid) | more)

    def missed(self, call_sid: str = "CA1", **more: object) -> requests.Response:
        return self.ask("POST", "/as-call/calls/missed", missed_body(call_sid) | more)


def signed(standins: StandIns, name: str, type_: str, data: object, delivery_id: str, *, secret: str = SECRET) -> int:
    """Tells a subscriber something, signed; the status it answers."""
    at = datetime.now(UTC)
    body = json.dumps({"type": type_, "timestamp": at.isoformat(), "data": data})
    headers = {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(delivery_id, at, body),
    }
    return requests.post(f"{standins.url}/subscriber/{name}", data=body, headers=headers, timeout=10).status_code


def incoming_body(call_sid: str = "CA1") -> dict[str, object]:
    return {
        "CallSid": call_sid,
        "From": "+12125550142",
        "To": "+14155550100",
        "tenantId": TENANT,
        "CallStatus": "ringing",
        "Direction": "inbound",
        "timestamp": "2026-03-02T17:00:00Z",
    }


def missed_body(call_sid: str = "CA1") -> dict[str, object]:
    return {"callSid": call_sid, "callStatus": "no-answer", "callDuration": 21, "endTime": "2026-03-02T17:00:21Z"}


@pytest.fixture
def standins() -> Iterator[StandIns]:
    twilio_server = TwilioServer()
    with (
        served(twilio_server.app()) as ts_url,
        served(build(ts_url, KEY)) as url,
        requests.Session() as session,
    ):
        yield StandIns(url, twilio_server, session)
