"""Whatever comes, the hot lane and Flask answer alike and store alike: the same bytes go to a server with each."""

import random
import re
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from shared.domain import form
from tests import corpus
from tests.integration.ingress.lane.conftest import (
    ACCOUNT,
    BUSINESS,
    CUSTOMER,
    PUBLIC,
    TOKEN,
    Answer,
    Server,
    call,
    status,
    until,
    webhook,
)

# The door's own words, and what belongs to the connection or the moment.
_NOT_COMPARED = {"date", "server", "x-request-id", "content-length", "allow"}  # "allow" comes in any order


@dataclass
class Pair:
    """Two servers that differ in the lane only."""

    hot: Server
    flask: Server

    def compare(self, data: bytes) -> Answer:
        """Sends the same to both; returns the answer they agree on."""
        for server in (self.hot, self.flask):
            server.forget_stored()
        hot, flask = answer_of(self.hot, data), answer_of(self.flask, data)
        assert hot == flask, data
        if kept_by(self.hot) != kept_by(self.flask):
            # On a busy machine Redis may miss its 20 ms: then the drainer brings the event within seconds.
            until(lambda: kept_by(self.hot) == kept_by(self.flask))
        return hot


def answer_of(server: Server, data: bytes) -> Answer:
    client = server.client()
    try:
        answer = client.ask(data)
    except ConnectionError:
        answer = Answer(0, {}, b"")  # closed without a word
    finally:
        client.close()
    headers = {name: value for name, value in answer.headers.items() if name not in _NOT_COMPARED}
    if answer.status == 204:
        headers.pop("content-type", None)  # of a body that is none
    return Answer(answer.status, headers, re.sub(rb'"instance": "[^"]*"', b"", answer.body))


def kept_by(server: Server) -> list[tuple[object, ...]]:
    return [
        (e.key, e.kind, e.account_sid, e.sids, e.path, e.query, e.content_type, e.token, e.body, e.answer, e.provenance)
        for e in server.stored()
    ]


@pytest.fixture(scope="module")
def pair(module_redis_urls, module_database_url, tmp_path_factory):
    """One pair for the whole file: nothing here changes a server."""
    first, second = module_redis_urls
    both = Pair(
        Server(first, module_database_url, tmp_path_factory.mktemp("hot")),
        Server(second, module_database_url, tmp_path_factory.mktemp("flask"), {"TS_HOT_LANE": "off"}),
    )
    both.hot.start()
    both.flask.start()
    yield both
    both.hot.stop()
    both.flask.stop()


def on_the_wire(payload: corpus.Payload) -> bytes:
    """A payload of the corpus as Twilio would sign it: a form by its fields, another body by its hash in the query."""
    target, fields = payload.target, MultiDict[str, str]()
    if form.is_form(payload.content_type, payload.body):
        fields = MultiDict(form.pairs(payload.body))
    elif payload.body:
        target += f"{'&' if '?' in target else '?'}bodySHA256={sha256(payload.body).hexdigest()}"
    return webhook(
        target,
        body=payload.body,
        signature=RequestValidator(TOKEN).compute_signature(PUBLIC + target, fields),
        content_type=payload.content_type,
        method=payload.method,
        headers={"I-Twilio-Idempotency-Token": payload.token} if payload.token else {},
    )


@pytest.mark.parametrize("payload", corpus.payloads(), ids=lambda payload: payload.name)
def test_every_payload_of_the_corpus_is_taken_alike(pair, payload):
    assert pair.compare(on_the_wire(payload)).status in (200, 204)
    until(lambda: (payload.kind, payload.key) in {(event.kind, event.key) for event in pair.hot.stored()})


def test_the_corpus_goes_through_the_lane(pair):
    """Or the test above would compare Flask with Flask."""
    before = pair.hot.metric("lane_answers_total")
    posted = [payload for payload in corpus.payloads() if payload.method == "POST"]
    client = pair.hot.client()
    assert {client.ask(on_the_wire(payload)).status for payload in posted} <= {200, 204}
    assert pair.hot.metric("lane_answers_total") - before == len(posted)
    assert pair.flask.metric("lane_answers_total") == 0


ODD_VALUES = [
    "",
    " ",
    "a b",
    "a+b",
    "ü",
    "😀",
    "\0",
    "%",
    "%zz",
    "%C3%28",
    "=",
    "a&b",
    "\r\n",
    "x" * 2000,
    "null",
    "'",
    "\ud800",
]


@pytest.mark.parametrize("value", ODD_VALUES)
@pytest.mark.parametrize("name", ["CallStatus", "CallSid", "From", "Body", "ErrorUrl", "Ünïcode", "CallSid ", "%41"])
def test_odd_values_are_taken_alike(pair, name, value):
    form = {"AccountSid": ACCOUNT, **status(), name: value}
    body = "&".join(
        f"{quote(k, errors='surrogatepass')}={quote(v, errors='surrogatepass')}" for k, v in form.items()
    ).encode()
    for path in (
        "/api/webhooks/status", "/api/calls/incoming", "/api/sms/incoming", "/api/calls/dial-result",
        "/api/calls/choice?stage=emergency", "/api/calls/accept",
    ):  # fmt: skip
        pair.compare(webhook(path, body=body, signature=signed(path, form)))


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/calls/incoming",
        "/api/calls/incoming/",
        "/api/calls//incoming",
        "/api/calls/./incoming",
        "//api/calls/incoming",
        "/api/webhooks/",
        "/api/webhooks/a/b/c",
        "/api/webhooks/a//b",
        "/api/v1/webhooks/recording",
        "/api/webhooks/recording?a=1",
        "/api/webhooks/status?",
        "/api/webhooks/status?a=%20&a=+&&=",
        "/api/webhooks/status?message_id=1&AccountSid=x",
        "/api/webhooks/%73tatus",
        "/API/webhooks/status",
        "/webhooks/twilio/call/status/CA1",
        "/webhooks/twilio/call/status/",
        "/webhooks/twilio/call",
        "/webhooks/twilio/sms",
        "/webhooks/twilio/other",
        "/api/sms/send",
        "/livez",
        "/nowhere",
        "/",
        "/api/calls/fallback",
        "/api/sms/fallback",
        "/api/calls/voicemail?x=1",
        "/api/calls/choice?stage=consent",
        "/api/v1/calls/choice?stage=emergency",
        "/api/calls/choice",
        "/api/calls/whisper?call=CA11111111111111111111111111111111&number=14155550100",
        "/api/v1/calls/whisper",
        "/api/calls/accept?call=CA11111111111111111111111111111111",
        "/api/v1/calls/accept",
        "/api/calls/dial-result?step=1&rec=0",
        "/api/calls/dial-result?step=%00&rec=&emergency=1",
        "/api/webhooks/call?parent=CA11111111111111111111111111111111",
        "/api/webhooks/amd?call=CA11111111111111111111111111111111",
        "/api/webhooks/stat;us",
        "/api/webhooks/~a",
    ],
)
def test_every_path_is_taken_alike(pair, path):
    for params in (
        status(),
        call(),
        {"MessageSid": "SM" + "1" * 32, "SmsStatus": "received"},
        {"DialCallStatus": "busy", **call()},
        {**call(), "CallStatus": "in-progress", "Digits": "1"},
        {**call(), "Direction": "outbound-dial", "ErrorUrl": "https://x.example/api/calls/accept", "Digits": "1"},
        {"CallSid": "CA" + "2" * 32, "AnsweredBy": "human"},
    ):
        pair.compare(webhook(path, params))


@pytest.mark.parametrize(
    "headers",
    [
        {"Connection": "close"},
        {"Connection": "Keep-Alive"},
        {"Connection": "keep-alive, upgrade"},
        {"X-Twilio-Signature": ""},
        {"Content-Type": ""},
        {"Content-Type": "application/json"},
        {"Content-Type": "text/plain"},
        {"Content-Encoding": "gzip"},
        {"Content-Type": "APPLICATION/X-WWW-FORM-URLENCODED"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"X-Forwarded-Proto": "http"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Prefix": "/x"},
        {"Host": "evil.example"},
        {"X-Request-Id": "my-request-1"},
        {"I-Twilio-Idempotency-Token": "x" * 300},
        {"I-Twilio-Idempotency-Token": "é"},
        {"X-Twilio-Webhooks-Signature-Settings": "key=webhooks_sharedkey_x,algorithm=HMAC_SHA256"},
        {"Authorization": "Bearer x"},
        {"X-Forwarded-For": "1.2.3.4"},
        {"X-Forwarded-Ssl": "on"},
        {"Cookie": "a=b"},
        {"Range": "bytes=0-1"},
        {"Upgrade": "h2c"},
        {"If-None-Match": "*"},
        {"X_Twilio_Signature": "abc"},
        {"Content-Length": "3"},
        {"Content-Length": "03"},
        {"Transfer-Encoding": "identity"},
        {"Expect": "200-ok"},
        {"X-Method-Override": "GET"},
        {"Accept": "application/json"},
    ],
)
def test_every_header_is_taken_alike(pair, headers):
    for path in ("/api/webhooks/status", "/api/calls/incoming"):
        pair.compare(webhook(path, call(), headers=headers))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_every_method_is_taken_alike(pair, method):
    path = "/api/calls/incoming?" + urlencode({"AccountSid": ACCOUNT, **call()})
    pair.compare(webhook(path, body=b"", signature=signed(path, {}), method=method))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.integers(1, 3))
def test_damaged_requests_are_taken_alike(pair, rng, cuts):
    """A byte more, a byte less, another byte: in the head or in the body. Only what still says how long it is."""
    data = bytearray(webhook(rng.choice(["/api/webhooks/status", "/api/calls/incoming"]), call()))
    for _ in range(cuts):
        at = rng.randrange(len(data))
        match rng.randrange(3):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                del data[at]
            case _:
                data.insert(at, rng.randrange(256))
    head, end, body = bytes(data).partition(b"\r\n\r\n")
    lengths = re.findall(rb"(?im)^content-length:[ \t]*(\d+)[ \t]*\r?$", head)
    if not end or len(lengths) != 1 or int(lengths[0]) > len(body):
        return  # both would wait for the rest
    pair.compare(head + end + body[: int(lengths[0])])


def signed(path: str, form: dict[str, str]) -> str:
    safe = {k: v.encode("utf-8", "replace").decode() for k, v in form.items()}
    return RequestValidator(TOKEN).compute_signature(PUBLIC + path, safe)


def test_random_forms_are_taken_alike(pair):
    rng = random.Random(7)
    names = [
        "CallSid",
        "CallStatus",
        "MessageSid",
        "MessageStatus",
        "DialCallStatus",
        "RecordingSid",
        "RecordingStatus",
        "Digits",
        "To",
        "From",
        "Body",
        "ErrorUrl",
        "Level",
        "PayloadType",
        "AnsweredBy",
        "TranscriptionSid",
    ]
    values = [
        "CA" + "1" * 32,
        "completed",
        "ringing",
        "busy",
        "",
        BUSINESS,
        CUSTOMER,
        "received",
        "delivered",
        "1",
        "x y",
    ]
    for _ in range(150):
        form = {name: rng.choice(values) for name in rng.sample(names, rng.randint(0, 8))}
        path = rng.choice(
            [
                "/api/webhooks/status",
                "/api/calls/incoming",
                "/api/calls/dial-result",
                "/api/sms/incoming",
                "/api/calls/voicemail",
                "/api/calls/choice?stage=consent",
                "/api/calls/whisper",
                "/api/calls/accept",
                "/api/webhooks/recording",
            ]
        )
        pair.compare(webhook(path, form))
