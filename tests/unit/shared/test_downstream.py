import json
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from shared.domain import allow_list
from shared.downstream import Downstream, Target
from shared.errors import Permanent
from shared.version import VERSION

SECRET = "whsec_" + b64encode(b"k" * 32).decode()


class Subscriber(BaseHTTPRequestHandler):
    """Notes what comes and answers as its class was told."""

    got: ClassVar[list] = []
    status, headers_out, body_out = 200, {}, b'{"ok": true}'

    def do_POST(self):
        length = int(self.headers["content-length"] or 0)
        type(self).got.append((self.path, dict(self.headers), self.rfile.read(length)))
        self.send_response(self.status)
        for name, value in {"content-length": str(len(self.body_out)), **self.headers_out}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.body_out)

    do_GET = do_POST

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


@pytest.fixture
def downstream():
    found = Downstream("the-key", allow_list.read(["127.0.0.1"]))
    yield found
    found.close()


def posted(downstream, subscriber, *secrets, document=None, **headers):
    target = Target(subscriber.url, secrets or (SECRET,), headers)
    return downstream.post_signed(target, message_id="m-1", document=document or {"type": "call.missed"})


def test_what_we_sign_is_verified_by_the_official_receivers_library(subscriber, downstream):
    answer = posted(downstream, subscriber, document={"type": "call.missed", "ü": 1})
    ((_, headers, body),) = subscriber.got
    assert Webhook(SECRET).verify(body, headers) == {"type": "call.missed", "ü": 1}
    assert headers["webhook-id"] == "m-1"
    assert answer.ok
    assert answer.json == {"ok": True}


def test_while_a_secret_is_rotated_the_old_one_and_the_new_one_both_verify_and_no_third(subscriber, downstream):
    old = "whsec_" + b64encode(b"o" * 32).decode()
    posted(downstream, subscriber, SECRET, old)
    ((_, headers, body),) = subscriber.got
    for secret in (SECRET, old):
        assert Webhook(secret).verify(body, headers) == {"type": "call.missed"}
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + b64encode(b"x" * 32).decode()).verify(body, headers)


def test_a_sibling_service_gets_the_service_key_and_no_signature(subscriber, downstream):
    downstream.post_service(subscriber.url, {"CallSid": "CA1"})
    ((_, headers, body),) = subscriber.got
    assert headers["x-service-key"] == "the-key"
    assert "webhook-signature" not in headers
    assert json.loads(body) == {"CallSid": "CA1"}


def test_a_subscriber_learns_who_we_are_and_what_it_wants_told_and_nothing_of_the_platforms_key(subscriber, downstream):
    posted(downstream, subscriber, Authorization="Bearer theirs")
    ((_, headers, _),) = subscriber.got
    assert headers["user-agent"] == f"twilio-server/{VERSION}"
    assert headers["authorization"] == "Bearer theirs"
    assert headers["content-type"] == "application/json"
    assert "the-key" not in str(headers)


@pytest.mark.parametrize("name", ["Webhook-Id", "X-Service-Key", "content-type", "Host", "x\r\ny"])
def test_a_header_that_was_stored_unchecked_is_never_sent(subscriber, downstream, name):
    with pytest.raises(Permanent):
        posted(downstream, subscriber, **{name: "forged"})
    assert subscriber.got == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(subscriber, downstream, status):
    subscriber.status, subscriber.headers_out = status, {"location": subscriber.url}
    assert (posted(downstream, subscriber).status, len(subscriber.got)) == (status, 1)


@pytest.mark.parametrize("status", [400, 410, 429, 500, 503])
def test_a_refusal_is_an_answer_with_its_body(subscriber, downstream, status):
    subscriber.status, subscriber.body_out = status, b"no: \x00\x1b[31m\xff " + "é".encode() * 3000
    answer = posted(downstream, subscriber)
    assert (answer.status, answer.ok, answer.json) == (status, False, {})
    assert answer.excerpt == ("no: \ufffd\ufffd[31m\ufffd " + "é" * 3000)[:1000]


def test_retry_after_is_read_and_a_body_that_is_no_object_is_none(subscriber, downstream):
    subscriber.status, subscriber.headers_out, subscriber.body_out = 429, {"retry-after": "17"}, b"[1]"
    answer = posted(downstream, subscriber)
    assert (answer.status, answer.json, answer.retry_after_s) == (429, {}, 17.0)


def test_retry_after_may_be_a_date_and_never_asks_for_more_than_a_day(subscriber, downstream):
    subscriber.status, subscriber.headers_out = 503, {"retry-after": "Fri, 31 Dec 2999 23:59:59 GMT"}
    assert posted(downstream, subscriber).retry_after_s == 86_400


@pytest.mark.parametrize(("said", "aborted"), [("abort-message", True), ("Abort-Message ", True), ("retry", False)])
def test_a_subscriber_may_ask_not_to_get_this_message_again(subscriber, downstream, said, aborted):
    subscriber.status, subscriber.headers_out = 400, {"webhook-delivery": said}
    assert posted(downstream, subscriber).aborted is aborted


def test_no_cookie_is_kept(subscriber, downstream):
    subscriber.headers_out = {"set-cookie": "a=b"}
    for _ in range(2):
        posted(downstream, subscriber)
    assert "cookie" not in {name.lower() for _, headers, _ in subscriber.got for name in headers}


def test_no_proxy_of_the_environment_sees_anything(subscriber, downstream, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert posted(downstream, subscriber).ok


def test_a_number_is_looked_up_wherever_the_operator_has_put_the_service(subscriber):
    """No allow-list names it: its address is a setting."""
    answer = Downstream("the-key").look_up_number(subscriber.url, "+14155550100")
    ((path, headers, _),) = subscriber.got
    assert path == "/hook/phone-numbers/lookup/%2B14155550100"
    assert headers["x-service-key"] == "the-key"
    assert answer.json == {"ok": True}


@pytest.mark.parametrize("secrets", [("whsec_***",), (SECRET, "whsec_***")])
def test_a_secret_that_is_none_is_permanent(subscriber, downstream, secrets):
    with pytest.raises(Permanent):
        posted(downstream, subscriber, *secrets)


def test_nothing_is_sent_unsigned(subscriber, downstream):
    with pytest.raises(Permanent):
        downstream.post_signed(Target(subscriber.url, ()), message_id="m-1", document={})
    assert subscriber.got == []
