"""Making a message: what goes out is what the SDK sends, and every answer, or none, is the right outcome."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from shared.errors import Permanent, Transient, Unknown
from shared.twilio.client import TwilioClient
from shared.twilio.wire import HttpClient
from tests.unit.shared.twilio.conftest import ACCOUNT, TOKEN

TEXT = {
    "to": "+14155550199", "from_": "+14155550100", "body": "Grüße & 100 % + more = ?\n🙂", "media_urls": [],
    "status_callback": "https://calls.example.com/api/webhooks/status?message_id=1#rc=3&rp=ct",
}  # fmt: skip
MADE = {
    "sid": "SM" + "1" * 32, "account_sid": ACCOUNT, "status": "queued", "num_segments": "2", "from": "+14155550100",
    "num_media": "0", "price": None, "price_unit": "USD", "error_code": None, "messaging_service_sid": None,
    "date_created": "Thu, 24 Aug 2023 05:01:45 +0000", "date_sent": None, "direction": "outbound-api", "body": "x",
}  # fmt: skip


class Official(TwilioHttpClient):
    """The SDK's own client, led to another host."""

    def __init__(self, url):
        super().__init__()
        self.url = url

    def request(self, method, url, *args, **kwargs):
        return super().request(method, url.replace("https://api.twilio.com", self.url), *args, **kwargs)


@pytest.mark.parametrize(
    "wishes",
    [
        {"body": TEXT["body"], "from_": "+14155550100"},
        {"body": "x", "messaging_service_sid": "MG" + "1" * 32, "validity_period": 60, "smart_encoded": True},
        {"media_url": ["https://m.example.com/a?b=c&d=ü", "https://m.example.com/b"], "from_": "ACME Shop"},
    ],
)
def test_the_bytes_of_a_request_are_those_of_the_sdks_own_client(api, wishes):
    api.answers = [(201, MADE, {})]
    for http in (Official(api.url), HttpClient(api.url)):
        Client(ACCOUNT, TOKEN, http_client=http).messages.create(
            to=TEXT["to"], status_callback="https://x.org/?a=b", **wishes
        )
    official, ours = api.got
    same = (
        "Authorization",
        "Content-Type",
        "Accept",
        "Accept-Charset",
        "User-Agent",
        "X-Twilio-Client",
        "Content-Length",
        "Host",
    )
    assert (official[0], official[1], official[3]) == (ours[0], ours[1], ours[3])
    assert {name: official[2][name] for name in same} == {name: ours[2][name] for name in same}


def test_the_queries_of_a_list_are_those_of_the_sdks_own_client(api):
    api.answers = [(200, {"messages": [], "next_page_uri": None}, {})]
    for http in (Official(api.url), HttpClient(api.url)):
        Client(ACCOUNT, TOKEN, http_client=http).messages.list(
            to="+1 415", date_sent_after=datetime(2026, 1, 2, tzinfo=UTC)
        )
    assert api.got[0][1] == api.got[1][1]


def test_a_sent_message_says_what_twilios_answer_says(api, twilio):
    api.answers = [(201, MADE, {"twilio-concurrent-requests": "7", "Twilio-Request-Id": "RQ1"})]
    sent = twilio.send_message(**TEXT)
    assert (sent.message_sid, sent.status, sent.segments, sent.from_number) == (
        MADE["sid"],
        "queued",
        2,
        "+14155550100",
    )
    assert (sent.concurrency, sent.request_id, sent.price_unit) == (7, "RQ1", "USD")


def test_a_service_may_choose_the_sender(api, twilio):
    api.answers = [(201, {**MADE, "from": None, "status": "accepted", "num_segments": "0"}, {})]
    sent = twilio.send_message(
        **{**TEXT, "from_": ""}, messaging_service_sid="MG" + "1" * 32, validity_s=99_999, smart_encoded=True
    )
    form = dict(parse_qsl(api.got[0][3].decode()))
    assert "From" not in form
    assert (form["MessagingServiceSid"], form["ValidityPeriod"], form["SmartEncoded"]) == (
        "MG" + "1" * 32,
        "36000",
        "true",
    )
    assert (sent.from_number, sent.segments, sent.concurrency) == ("", None, None)


@pytest.mark.parametrize(("asked_s", "said"), [(0, "1"), (-5, "1"), (60, "60"), (None, None)])
def test_the_validity_is_one_that_twilio_takes(api, twilio, asked_s, said):
    api.answers = [(201, MADE, {})]
    twilio.send_message(**TEXT, validity_s=asked_s)
    assert dict(parse_qsl(api.got[0][3].decode())).get("ValidityPeriod") == said


def refusal(code):
    return {"code": code, "message": "no", "more_info": "", "status": 400}


@pytest.mark.parametrize(
    ("status", "said", "error_class", "code", "wait_s"),
    [
        (429, refusal(20429), "throttle", 20429, 1.0),
        (429, b"<html>", "throttle", 20429, 1.0),
        (429, refusal(21610), "throttle", 20429, 1.0),
        (400, refusal(21611), "throttle", 21611, 60.0),
        (400, refusal(14107), "throttle", 14107, 30.0),
        (400, refusal(30410), "transient", 30410, 60.0),
        (401, refusal(20003), "account", 20003, 60.0),
        (401, b"", "account", 20003, 60.0),
        (403, refusal(20008), "account", 20403, 60.0),
        (400, refusal(10001), "account", 10001, 60.0),
    ],
)
def test_certainly_not_taken_and_worth_another_try(api, twilio, status, said, error_class, code, wait_s):
    api.answers = [(status, said, {"Twilio-Concurrent-Requests": "101"})]
    with pytest.raises(Transient) as outcome:
        twilio.send_message(**TEXT)
    told = outcome.value
    assert (told.error_class, told.twilio_code, told.retry_after_s, told.concurrency) == (
        error_class,
        code,
        wait_s,
        101,
    )
    assert told.is_throttle == (error_class == "throttle")


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (400, refusal(21211), 21211), (400, refusal(21610), 21610), (400, refusal(99999), 99999), (400, b"<html>", None),
        (404, b"", 20404), (403, refusal(21408), 21408), (307, b"", None), (400, {"code": "21211"}, None), (400, [1], None),
        (400, {"type": "t", "title": "t", "status": 400, "code": 21617, "detail": "d"}, 21617),
    ],
)  # fmt: skip
def test_refused_for_good_by_its_code(api, twilio, status, said, code):
    api.answers = [(status, said, {"Location": "/elsewhere"} if status == 307 else {})]
    with pytest.raises(Permanent) as outcome:
        twilio.send_message(**TEXT)
    assert outcome.value.twilio_code == code
    assert len(api.got) == 1


@pytest.mark.parametrize(
    "answer",
    [
        None, (500, refusal(20500), {}), (503, b"<html>", {}), (502, b"", {}), (500, refusal(21211), {}), (408, b"", {}),
        (400, refusal(20500), {}), (201, b"<html>", {}), (201, b"", {}), (201, b'{"sid": "SM', {}), (201, b"[]", {}),
        (201, {}, {}), (201, b"null", {}), (201, {**MADE, "num_media": "many"}, {}), (201, b"\xff\xfe", {}),
        (201, MADE, {"content-length": "100000"}), (201, b"x", {"content-encoding": "gzip"}),
    ],
)  # fmt: skip
def test_whatever_may_have_been_carried_out_is_unknown(api, twilio, answer):
    api.answers = [answer]
    if answer and answer[2].get("content-length"):  # the line is cut in the middle of the body
        api.protocol_version = "HTTP/1.0"
    with pytest.raises(Unknown):
        twilio.send_message(**TEXT)
    assert len(api.got) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid"])
def test_where_no_connection_was_made_nothing_is_in_doubt(twilio, url):
    twilio._http._api_url = twilio._http._api_url._replace(netloc=url.removeprefix("http://"))
    with pytest.raises(Transient) as outcome:
        twilio.send_message(**TEXT)
    assert outcome.value.reason == "twilio_unreachable"


@pytest.mark.parametrize(
    ("header", "wait_s"), [("17", 17.0), ("0", 1.0), ("soon", 1.0), ("999999999", 3600.0), ("-3", 1.0)]
)
def test_retry_after_is_honoured_within_reason(api, twilio, header, wait_s):
    api.answers = [(429, refusal(20429), {"Retry-After": header})]
    with pytest.raises(Transient) as outcome:
        twilio.send_message(**TEXT)
    assert outcome.value.retry_after_s == wait_s


def test_threads_that_share_a_client_get_the_headers_of_their_own_answers(api, twilio: TwilioClient):
    def echo(body):
        name = dict(parse_qsl(body.decode()))["Body"]
        return 201, {**MADE, "sid": name}, {"Twilio-Request-Id": name}

    api.answers = [echo]
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda n: twilio.send_message(**{**TEXT, "body": f"text {n}"}), range(200)))
    assert [(one.message_sid, one.request_id) for one in sent] == [(f"text {n}",) * 2 for n in range(200)]
