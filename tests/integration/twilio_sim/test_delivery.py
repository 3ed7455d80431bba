"""How a webhook travels: signature, headers, timeouts, retries as the URL asks, redirects, history."""

import hashlib
import json
import socket
import threading

import pytest
from twilio.request_validator import RequestValidator

HOOK = "/hook"
TRICKY = {"Body": "1 + 1 = 2 & 100 % ☎ é\n", "Empty": "", "From": "+12125550142", "Spaces": "  two  "}


def verified(sim, got, url, params):
    signature = got.headers["X-Twilio-Signature"]
    return RequestValidator(sim.account.token).validate(url, params, signature)


def post(sim, url, params=None, **more):
    return sim.sim("POST", "/webhook", {"url": url, "params": TRICKY if params is None else params, **more})


def test_the_sdk_accepts_the_signature_of_blanks_unicode_and_plus_signs(sim, receiver):
    url = receiver.url + HOOK + "?job=a%20b&x=%2B"
    post(sim, url)
    got = receiver.got(HOOK)[0]
    assert got.form == TRICKY
    assert got.target == HOOK + "?job=a%20b&x=%2B"
    assert verified(sim, got, url, got.form)


def test_the_sdk_accepts_every_webhook_of_a_call(sim, receiver):
    receiver.says("/voice", '<Response><Dial action="/result">+14155550199</Dial></Response>')
    sim.number(voice_url=receiver.url + "/voice", status_callback=receiver.url + "/status")
    sim.ended_call(sim.call())
    assert [g.path for g in receiver.got()] == ["/voice", "/result", "/status"]
    assert all(verified(sim, g, receiver.url + g.target, g.form) for g in receiver.got())


def test_a_repeated_name_is_sent_and_signed_as_twilio_does(sim, receiver):
    post(sim, receiver.url + HOOK, {"a": ["2", "1", "2"], "b": ""})
    assert receiver.got(HOOK)[0].body == b"a=2&a=1&a=2&b="
    assert receiver.got(HOOK)[0].headers["X-Twilio-Signature"]


def test_a_get_carries_its_parameters_in_the_query_and_signs_the_whole_url(sim, receiver):
    post(sim, receiver.url + HOOK + "?a=1", method="GET")
    got = receiver.got(HOOK)[0]
    assert got.method == "GET"
    assert got.body == b""
    assert got.query == {"a": "1"} | TRICKY
    assert verified(sim, got, receiver.url + got.target, {})


def test_the_fragment_is_neither_sent_nor_signed(sim, receiver):
    post(sim, receiver.url + HOOK + "#rc=2&rp=all")
    got = receiver.got(HOOK)[0]
    assert "#" not in got.target
    assert verified(sim, got, receiver.url + HOOK, got.form)


def test_a_forged_or_missing_signature_can_be_asked_for(sim, receiver, reply):
    receiver.says(HOOK, reply("no", 403, "text/plain"))
    answer = post(sim, receiver.url + HOOK, tamper=True)
    assert (answer["http_status"], answer["body"], answer["content_type"]) == (403, "no", "text/plain")
    post(sim, receiver.url + HOOK, tamper="missing")
    forged, missing = receiver.got(HOOK)
    assert not verified(sim, forged, receiver.url + HOOK, forged.form)
    assert "X-Twilio-Signature" not in missing.headers


def test_the_headers_are_those_of_twilio(sim, receiver):
    post(sim, receiver.url + HOOK)
    headers = receiver.got(HOOK)[0].headers
    assert headers["User-Agent"] == "TwilioProxy/1.1"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded; charset=utf-8"
    assert len(headers["I-Twilio-Idempotency-Token"]) == 36


@pytest.mark.parametrize(
    ("fragment", "status", "attempts"),
    [
        ("", 500, 1),
        ("", 404, 1),
        ("#rc=3", 500, 1),
        ("#rc=3&rp=5xx", 500, 4),
        ("#rc=3&rp=5xx", 404, 1),
        ("#rc=1&rp=4xx", 404, 2),
        ("#rc=5&rp=all", 503, 6),
        ("#rc=0&rp=all", 503, 1),
        ("#rc=99&rp=all", 503, 2),
        ("#rc=2&rp=nonsense", 503, 1),
    ],
)
def test_what_is_tried_again_is_what_the_fragment_asks_for(sim, receiver, reply, fragment, status, attempts):
    receiver.says(HOOK, reply("", status))
    answer = post(sim, receiver.url + HOOK + fragment)
    got = receiver.got(HOOK)
    assert len(got) == attempts
    assert len({g.headers["I-Twilio-Idempotency-Token"] for g in got}) == 1
    assert answer["outcome"] == ("fail" if status < 500 else "info")
    assert [e["attempt"] for e in sim.webhooks()] == list(range(1, attempts + 1))


def test_a_retry_that_succeeds_is_the_last_one(sim, receiver, reply):
    receiver.says(HOOK, reply("", 500), reply("", 500), reply("done"))
    assert post(sim, receiver.url + HOOK + "#rc=5&rp=5xx")["body"] == "done"
    assert [e["outcome"] for e in sim.webhooks()] == ["info", "info", "ok"]


def test_a_refused_connection_is_tried_once_more_by_default(sim):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    assert post(sim, url)["http_status"] is None
    assert [(e["attempt"], e["outcome"]) for e in sim.webhooks()] == [(1, "info"), (2, "info")]


def test_a_slow_answer_times_out_and_is_repeated_only_if_asked(sim, receiver, reply):
    receiver.says(HOOK, reply(hold=threading.Event()))
    assert post(sim, receiver.url + HOOK + "#rt=100")["outcome"] == "info"
    assert len(receiver.got(HOOK)) == 1
    post(sim, receiver.url + HOOK + "#rt=100&rc=2&rp=rt")
    assert len(receiver.got(HOOK)) == 4


def test_all_attempts_together_stay_within_the_total_time(sim, receiver, reply):
    receiver.says(HOOK, reply(hold=threading.Event()))
    post(sim, receiver.url + HOOK + "#tt=300&rt=200&rc=5&rp=all")
    entries = sim.webhooks()
    assert len(entries) == 2
    assert (entries[-1]["done_ns"] - entries[0]["sent_ns"]) / 1e9 < 1.0


def test_an_answer_that_breaks_off_is_never_repeated(sim, receiver, reply):
    receiver.says(HOOK, reply("a long answer", cut_after=3))
    assert post(sim, receiver.url + HOOK + "#rc=5&rp=all")["outcome"] == "info"
    assert len(receiver.got(HOOK)) == 1


def test_a_redirect_302_becomes_a_signed_get_without_the_parameters(sim, receiver, reply):
    receiver.says(HOOK, reply(status=302, headers={"Location": "/there?a=1"}))
    assert post(sim, receiver.url + HOOK)["outcome"] == "ok"
    got = receiver.got("/there")[0]
    assert (got.method, got.query, got.body) == ("GET", {"a": "1"}, b"")
    assert verified(sim, got, receiver.url + "/there?a=1", {})


def test_a_redirect_307_repeats_the_post_signed_for_the_new_address(sim, receiver, reply):
    receiver.says(HOOK, reply(status=307, headers={"Location": "/there"}))
    post(sim, receiver.url + HOOK)
    got = receiver.got("/there")[0]
    assert got.form == TRICKY
    assert verified(sim, got, receiver.url + "/there", got.form)


def test_a_redirect_that_never_ends_is_11215(sim, receiver, reply):
    receiver.says(HOOK, reply(status=302, headers={"Location": HOOK}))
    answer = post(sim, receiver.url + HOOK)
    assert answer["error"] == "too many redirects"
    assert len(receiver.got(HOOK)) == 11


def test_repeating_a_webhook_keeps_its_token_and_its_parameters(sim, receiver):
    first = post(sim, receiver.url + HOOK)
    sim.sim("POST", f"/webhooks/{first['id']}/repeat", {})
    one, two = receiver.got(HOOK)
    assert one.body == two.body
    assert one.headers["I-Twilio-Idempotency-Token"] == two.headers["I-Twilio-Idempotency-Token"]


def test_the_history_can_be_read_from_where_one_was(sim, receiver):
    first, second = post(sim, receiver.url + HOOK), post(sim, receiver.url + HOOK, {"MessageSid": "SM1"})
    assert [e["id"] for e in sim.webhooks(after=str(first["id"]))] == [second["id"]]
    assert [e["id"] for e in sim.webhooks(sid="SM1")] == [second["id"]]
    body = receiver.got(HOOK)[0].body
    assert sim.webhooks()[0]["body_sha256"] == hashlib.sha256(body).hexdigest()


def test_callbacks_can_be_lost_or_doubled_on_purpose(sim, receiver, client):
    sim.number()
    sim.sim("POST", "/settings", {"duplicate_rate": 1})
    send = {"to": "+12125550142", "from_": "+14155550100", "body": "hi", "status_callback": receiver.url + HOOK}
    sim.message(client.messages.create(**send).sid, "delivered")
    got = receiver.wait_for(HOOK, 4)
    assert [g.form["MessageStatus"] for g in got] == ["sent", "sent", "delivered", "delivered"]
    assert len({g.headers["I-Twilio-Idempotency-Token"] for g in got}) == 2
    sim.sim("POST", "/settings", {"duplicate_rate": 0, "drop_rate": 1})
    sim.message(client.messages.create(**send).sid, "delivered")
    assert len(receiver.got(HOOK)) == 4
    assert json.dumps(sim.webhooks()).count("dropped on purpose") >= 1
