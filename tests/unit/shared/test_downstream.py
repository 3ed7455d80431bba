import json
import time
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import pytest
from standardwebhooks import Webhook

from shared.domain import allow_list
from shared.downstream import Downstream, Target, signature
from shared.errors import Permanent, Transient

SECRET = "whsec_" + b64encode(b"k" * 32).decode()


class Subscriber(BaseHTTPRequestHandler):
    """Notes what comes and answers as its class was told."""

    got: ClassVar[list] = []
    status, headers_out, body_out = 200, {}, b'{"ok": true}'

    def do_POST(self):
        length = int(self.headers["content-length"])
        type(self).got.append((self.path, dict(self.headers), self.rfile.read(length)))
        self.send_response(self.status)
        for name, value in {"content-length": str(len(self.body_out)), **self.headers_out}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.body_out)

    def log_message(self, *_):
        pass


@pytest.fixture
def subscriber():
    handler = type("Handler", (Subscriber,), {"got": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    handler.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield handler
    server.shutdown()
    server.server_close()


def test_what_we_sign_is_verified_by_the_official_receivers_library(subscriber):
    answer = Downstream("").post_signed(
        subscriber.url, SECRET, message_id="m-1", document={"type": "call.missed", "ü": 1}
    )
    ((_, headers, body),) = subscriber.got
    assert Webhook(SECRET).verify(body, headers) == {"type": "call.missed", "ü": 1}
    assert headers["webhook-id"] == "m-1"
    assert answer.ok
    assert answer.json == {"ok": True}


def test_a_sibling_service_gets_the_service_key(subscriber):
    Downstream("the-key").post_service(subscriber.url, {"CallSid": "CA1"})
    ((_, headers, body),) = subscriber.got
    assert headers["X-Service-Key"] == "the-key"
    assert json.loads(body) == {"CallSid": "CA1"}


def test_a_redirect_is_a_failure_and_is_not_followed(subscriber):
    subscriber.status, subscriber.headers_out = 302, {"location": subscriber.url}
    answer = Downstream("").post_service(subscriber.url, {})
    assert not answer.ok
    assert len(subscriber.got) == 1


def test_retry_after_is_read_and_a_body_that_is_no_object_is_none(subscriber):
    subscriber.status, subscriber.headers_out, subscriber.body_out = 429, {"retry-after": "17"}, b"[1]"
    answer = Downstream("").post_service(subscriber.url, {})
    assert (answer.status, answer.json, answer.retry_after_s) == (429, {}, 17.0)


def test_nobody_there_is_transient():
    with pytest.raises(Transient):
        Downstream("").post_service("http://127.0.0.1:1/", {})


def test_a_secret_that_is_none_is_permanent():
    with pytest.raises(Permanent):
        signature("whsec_***", "m", int(time.time()), "{}")
