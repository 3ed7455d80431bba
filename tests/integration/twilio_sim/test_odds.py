"""Faults with rates: what each looks like from outside, whether the work was done, and that a seed repeats it."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from json import JSONDecodeError
from urllib.parse import urlsplit

import pytest
import requests

BUSINESS, CUSTOMER = "+14155550100", "+12125550142"
FORM = {"To": CUSTOMER, "From": BUSINESS, "Body": "x"}


@pytest.fixture(autouse=True)
def owned(sim):
    sim.number(BUSINESS)


def odds(sim, kind="create", **rates):
    sim.sim("PUT", "/odds", {kind: rates})


def create(sim, **more):
    return sim.rest("POST", "/Messages.json", FORM | more)


def made(sim):
    return len(sim.sim("GET", "/messages")["data"])


@pytest.mark.parametrize(("fault", "count"), [("lost_before", 0), ("lost_after", 1)])
def test_a_lost_answer_is_a_broken_connection(sim, fault, count):
    odds(sim, **{fault: 1.0})
    with pytest.raises(requests.exceptions.ConnectionError):
        create(sim)
    assert made(sim) == count


@pytest.mark.parametrize(("fault", "count"), [("error_before", 0), ("error_after", 1)])
def test_a_server_error_does_not_tell_whether_the_work_was_done(sim, fault, count):
    odds(sim, **{fault: 1.0})
    answer = create(sim)
    assert (answer.status_code, answer.json()["code"]) == (503, 20503)
    assert made(sim) == count


def test_an_error_may_be_a_page_of_a_proxy(sim):
    odds(sim, error_before=1.0, html=1.0, error_status=502)
    answer = create(sim)
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (502, "text/html")
    assert "<h1>502</h1>" in answer.text


def test_a_success_may_be_half_a_document(sim):
    odds(sim, broken_json=1.0)
    answer = create(sim)
    assert answer.status_code == 201
    with pytest.raises(JSONDecodeError):
        answer.json()
    assert made(sim) == 1


@pytest.mark.parametrize("retry_after_s", [0, 7])
def test_a_throttled_request_is_20429_with_the_concurrency_and_perhaps_a_time(sim, retry_after_s):
    odds(sim, throttled=1.0, retry_after_s=retry_after_s)
    answer = create(sim)
    assert (answer.status_code, answer.json()["code"], made(sim)) == (429, 20429, 0)
    assert answer.headers["Twilio-Concurrent-Requests"] == "1"
    assert answer.headers.get("Retry-After") == (str(retry_after_s) if retry_after_s else None)


def test_a_late_answer_has_done_its_work_before(sim):
    odds(sim, late_answer=1.0, late_s=2)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(f"{sim.rest_url}/Messages.json", data=FORM, auth=auth(sim), timeout=0.5)
    assert made(sim) == 1


def test_late_work_is_done_although_its_client_has_gone(sim, until):
    odds(sim, late_work=1.0, late_s=0.5)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(f"{sim.rest_url}/Messages.json", data=FORM, auth=auth(sim), timeout=0.1)
    assert made(sim) == 0
    until(lambda: made(sim) == 1)


def auth(sim):
    return sim.account.sid, sim.account.token


def fates(sim, seed, workers):
    """What befell each of 60 creates, made by so many threads at once, in another order each time."""
    sim.sim("PUT", "/odds", {"seed": seed, "create": {"throttled": 0.3, "error_before": 0.3}})
    with ThreadPoolExecutor(workers) as pool:
        bodies = [f"text {n}" for n in range(60)][:: 1 if workers > 1 else -1]
        codes = pool.map(lambda body: create(sim, Body=body).status_code, bodies)
        return dict(zip(bodies, codes, strict=True))


def test_the_same_seed_gives_the_same_faults_whatever_the_order_of_threads(sim):
    first = fates(sim, 5, 1)
    assert set(first.values()) == {201, 429, 503}
    assert fates(sim, 5, 8) == first
    assert fates(sim, 6, 8) != first


def test_rates_belong_to_a_class_of_request(sim):
    odds(sim, "list", error_before=1.0)
    assert create(sim).status_code == 201
    assert sim.rest("GET", "/Messages.json").status_code == 503
    assert sim.rest("GET", f"/Messages/{create(sim).json()['sid']}.json").status_code == 200


def test_more_requests_at_once_than_the_account_may_are_refused(sim, until):
    until(lambda: sim.rest("GET", "/Messages.json").headers["Twilio-Concurrent-Requests"] == "1")
    sim.sim("POST", "/settings", {"concurrency_limit": 2, "takes_s": 1.0})
    together, answers = threading.Barrier(6), []

    def ask():
        together.wait(20)
        answers.append(create(sim))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    refused = [a for a in answers if a.status_code == 429]
    assert len(refused) >= 1
    assert {int(a.headers["Twilio-Concurrent-Requests"]) > 2 for a in refused} == {True}
    assert made(sim) == 6 - len(refused) >= 2


@pytest.mark.parametrize(
    "wishes",
    [
        {"creates": {}},
        {"create": []},
        {"create": {"lost": 0.1}},
        {"create": {"lost_after": 1.5}},
        {"create": {"lost_after": 0.6, "lost_before": 0.6}},
        {"create": {"error_status": 200}},
        {"seed": "x"},
    ],
)
def test_odds_that_are_none_are_refused(sim, wishes):
    assert sim.sim("PUT", "/odds", wishes, 400)["error"]
    assert sim.sim("GET", "/odds") == {}


def statuses(receiver, path="/status"):
    return [g.form["MessageStatus"] for g in receiver.got(path)]


def test_a_callback_may_let_the_next_one_go_first(sim, receiver):
    sim.sim("POST", "/settings", {"swap_rate": 1.0})
    create(sim, StatusCallback=receiver.url + "/status")
    receiver.wait_for("/status", 2)
    assert statuses(receiver) == ["delivered", "sent"]


def test_a_late_callback_comes_after_those_that_are_not(sim, receiver):
    sim.sim("POST", "/settings", {"late_rate": 1.0, "late_s": 20})
    sid = create(sim, StatusCallback=receiver.url + "/status").json()["sid"]
    sim.message(sid, "delivered")
    assert receiver.got("/status") == []
    assert len(receiver.wait_for("/status", 2)) == 2


def test_of_a_silent_message_nothing_is_called_back(sim, receiver):
    sim.sim("POST", "/settings", {"silent_rate": 1.0})
    sid = create(sim, StatusCallback=receiver.url + "/status").json()["sid"]
    sim.message(sid, "delivered")
    sim.sim("POST", "/settings", {"silent_rate": 0.0})
    create(sim, StatusCallback=receiver.url + "/status")
    assert {g.form["MessageSid"] for g in receiver.wait_for("/status", 2)}.isdisjoint({sid})


def test_one_connection_serves_many_requests_and_ends_when_asked_to(sim):
    parts = urlsplit(sim.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as line:
        stream = line.makefile("rb")
        for closing in ("", "Connection: close\r\n"):
            line.sendall(f"GET /livez HTTP/1.1\r\nHost: x\r\n{closing}\r\n".encode())
            head = b"".join(iter(stream.readline, b"\r\n"))
            assert head.startswith(b"HTTP/1.1 200")
            size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            assert stream.read(size).startswith(b'{"status"')
        assert stream.read() == b""
