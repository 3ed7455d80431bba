"""Texts the service sends: creation, refusals, the states they pass, lists, redaction, deletion."""

from datetime import UTC, datetime, timedelta

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

FROM, TO = "+14155550100", "+12125550142"
HOOK = "/status"


@pytest.fixture(autouse=True)
def owned(sim):
    sim.number(FROM)


def send(client, **wishes):
    return client.messages.create(**{"to": TO, "from_": FROM, "body": "hello"} | wishes)


def test_a_text_is_queued_then_sent_then_delivered_and_only_the_last_two_are_called_back(sim, client, receiver):
    created = send(client, status_callback=receiver.url + HOOK)
    assert (created.status, created.sid[:2], created.num_segments) == ("queued", "SM", "1")
    assert created.price is None
    assert created.error_code is None
    assert created.date_sent is None
    final = sim.message(created.sid, "delivered")
    got = receiver.wait_for(HOOK, 2)
    assert [g.form["MessageStatus"] for g in got] == ["sent", "delivered"]
    assert {g.form["MessageSid"] for g in got} == {created.sid}
    assert got[1].form["SmsStatus"] == "delivered"
    assert len(got[1].form["RawDlrDoneDate"]) == 10
    assert final["date_sent"]
    assert final["price"] == "-0.00790"


def test_a_text_of_a_messaging_service_is_accepted_first_and_queued_is_called_back(sim, client, receiver):
    service = "MG" + "1" * 32
    created = client.messages.create(
        to=TO, messaging_service_sid=service, body="hi", status_callback=receiver.url + HOOK
    )
    assert (created.status, created.num_segments, created.from_) == ("accepted", "0", None)
    assert sim.message(created.sid, "delivered")["from"] == FROM
    got = receiver.wait_for(HOOK, 3)
    assert [g.form["MessageStatus"] for g in got] == ["queued", "sent", "delivered"]
    assert got[0].form["MessagingServiceSid"] == service


def test_a_scheduled_text_waits_and_can_be_canceled(sim, client):
    later = datetime.now(UTC) + timedelta(hours=1)
    created = client.messages.create(
        to=TO, messaging_service_sid="MG" + "1" * 32, body="hi", schedule_type="fixed", send_at=later
    )
    assert created.status == "scheduled"
    assert client.messages(created.sid).update(status="canceled").status == "canceled"
    with pytest.raises(TwilioRestException) as refused:
        client.messages(created.sid).update(status="canceled")
    assert refused.value.code == 30409


@pytest.mark.parametrize(("fate", "code"), [("undelivered", 30003), ("failed", 30005)])
def test_a_phone_that_gets_nothing_ends_the_text_with_a_code(sim, client, receiver, fate, code):
    sim.phone(TO, texts=fate, error_code=code)
    created = send(client, status_callback=receiver.url + HOOK)
    assert sim.message(created.sid, fate)["error_code"] == code
    last = receiver.wait_for(HOOK, 2 if fate == "undelivered" else 1)[-1].form
    assert (last["MessageStatus"], last["ErrorCode"]) == (fate, str(code))


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"From": FROM, "Body": "x"}, 21604),
        ({"To": TO, "Body": "x"}, 21603),
        ({"To": TO, "From": FROM}, 21602),
        ({"To": TO, "From": FROM, "Body": "x" * 1601}, 21617),
        ({"To": "12", "From": FROM, "Body": "x"}, 21211),
        ({"To": "+1 212 555 0142", "From": FROM, "Body": "x"}, 21211),
        ({"To": TO, "From": "+14155559999", "Body": "x"}, 21606),
        ({"To": FROM, "From": FROM, "Body": "x"}, 21266),
        ({"To": TO, "From": FROM, "Body": "x", "StatusCallback": "nowhere"}, 21609),
        ({"To": TO, "From": FROM, "MediaUrl": "ftp://x/y"}, 21620),
        ({"To": TO, "From": FROM, "Body": "x", "SendAt": "2030-01-01T00:00:00Z", "ScheduleType": "fixed"}, 35118),
        ({"To": "+15005550001", "From": FROM, "Body": "x"}, 21211),
        ({"To": "+15005550002", "From": FROM, "Body": "x"}, 21612),
        ({"To": "+15005550003", "From": FROM, "Body": "x"}, 21408),
        ({"To": "+15005550004", "From": FROM, "Body": "x"}, 21610),
        ({"To": "+15005550009", "From": FROM, "Body": "x"}, 21614),
        ({"To": TO, "From": "+15005550001", "Body": "x"}, 21212),
        ({"To": TO, "From": "+15005550007", "Body": "x"}, 21606),
        ({"To": TO, "From": "+15005550008", "Body": "x"}, 21611),
    ],
)
def test_what_twilio_refuses_is_refused_with_its_code(sim, form, code):
    answer = sim.rest("POST", "/Messages.json", form)
    assert answer.status_code == 400
    assert answer.json() | {"message": ""} == {
        "code": code,
        "message": "",
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": 400,
    }
    assert sim.sim("GET", "/messages")["data"] == []


def test_the_good_test_number_needs_no_owner(client):
    assert send(client, from_="+15005550006").status == "queued"


def test_sixteen_hundred_characters_are_allowed(client):
    assert send(client, body="é" * 1600).num_segments == "11"
    assert send(client, body="☎" * 1600).num_segments == "24"


def test_120_texts_are_listed_over_pages_newest_first_each_once(sim, client):
    sids = [send(client, body=str(n)).sid for n in range(120)]
    listed = client.messages.list(page_size=50)
    assert [m.sid for m in listed] == sids[::-1]
    assert [m.sid for m in client.messages.list(limit=7, page_size=3)] == sids[::-1][:7]


def test_texts_that_arrive_while_a_client_reads_do_not_shift_its_pages(client):
    sids = [send(client, body=str(n)).sid for n in range(6)]
    first = client.messages.page(page_size=3)
    send(client, body="late")
    second = first.next_page()
    assert [m.sid for m in second] == sids[::-1][3:]
    assert [m.sid for m in second.previous_page()] == sids[::-1][:3]


def test_the_envelope_is_twilios(sim, client):
    for _ in range(3):
        send(client)
    page = sim.rest("GET", "/Messages.json", PageSize="2", To=TO).json()
    assert (page["page"], page["page_size"], page["start"], page["end"]) == (0, 2, 0, 1)
    assert page["previous_page_uri"] is None
    assert "Page=1&PageToken=PASM" in page["next_page_uri"]
    assert "To=%2B12125550142" in page["next_page_uri"]
    assert sim.rest("GET", "/Messages.json", PageSize="5000").json()["page_size"] == 1000
    for wrong in ({"PageSize": "0"}, {"PageSize": "x"}, {"Page": "2"}, {"Page": "1", "PageToken": "PASM1"}):
        assert sim.rest("GET", "/Messages.json", **wrong).status_code == 400


def test_lists_are_filtered_by_to_from_and_the_day_of_sending(sim, client):
    other = sim.number("+14155550101")["phone_number"]
    old, new = send(client, to="+12125550143"), send(client, from_=other)
    for sid in (old.sid, new.sid):
        sim.message(sid, "delivered")
    sim.world.messages.get(old.sid).sent_at = datetime(2026, 1, 2, 23, 59, 59, tzinfo=UTC)

    def listed(**wishes):
        return {m.sid for m in client.messages.list(**wishes)}

    assert listed(to="+12125550143") == {old.sid}
    assert listed(from_=other) == {new.sid}
    assert listed(date_sent=datetime(2026, 1, 2, 23, 59, 59, tzinfo=UTC)) == {old.sid}
    assert listed(date_sent_before=datetime(2026, 1, 3, tzinfo=UTC)) == {old.sid}
    assert listed(date_sent_before=datetime(2026, 1, 2, 23, 0, tzinfo=UTC)) == set()
    assert listed(date_sent_after=datetime(2026, 1, 3, tzinfo=UTC)) == {new.sid}
    days = {"DateSent": "2026-01-02"}, {"DateSent<": "2026-01-02"}
    for day in days:
        assert [m["sid"] for m in sim.rest("GET", "/Messages.json", **day).json()["messages"]] == [old.sid]
    assert sim.rest("GET", "/Messages.json", **{"DateSent>": "yesterday"}).status_code == 400


def test_an_unsent_text_is_missed_by_a_date_filter(sim, client):
    sim.sim("POST", "/settings", {"message_step_s": 3000})
    send(client)
    assert client.messages.list(date_sent_after=datetime(2020, 1, 1, tzinfo=UTC)) == []


def test_redacting_and_deleting_need_a_finished_text(sim, client):
    sim.sim("POST", "/settings", {"message_step_s": 3000})
    waiting = send(client)
    with pytest.raises(TwilioRestException) as refused:
        client.messages(waiting.sid).delete()
    assert (refused.value.status, refused.value.code) == (409, 20009)
    sim.sim("POST", "/settings", {"message_step_s": 0})
    done = send(client)
    sim.message(done.sid, "delivered")
    assert client.messages(done.sid).update(body="").body == ""
    assert client.messages(done.sid).delete() is True
    with pytest.raises(TwilioRestException) as gone:
        client.messages(done.sid).fetch()
    assert (gone.value.status, gone.value.code) == (404, 20404)


def test_media_make_it_an_mms_whose_media_lead_to_their_source(sim, client, receiver):
    picture = receiver.says("/cat.png", "png")
    created = send(client, media_url=[picture])
    assert (created.sid[:2], created.num_media) == ("MM", "1")
    media = client.messages(created.sid).media.list()[0]
    assert media.content_type == "image/png"
    assert sim.rest("GET", f"/Messages/{created.sid}/Media/{media.sid}").text == "png"


def test_a_wrong_password_is_401_with_20003(sim):
    answer = requests.get(sim.rest_url + "/Messages.json", auth=(sim.account.sid, "guess"), timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (401, 20003)
    assert requests.get(sim.rest_url + "/Messages.json", timeout=5).status_code == 401
    other = sim.rest_url.replace("0a0a", "0b0b")
    answer = requests.get(other + "/Messages.json", auth=(sim.account.sid, sim.account.token), timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


def test_every_rest_answer_carries_twilios_headers(sim):
    headers = sim.rest("GET", "/Messages.json").headers
    assert headers["Twilio-Request-Id"].startswith("RQ")
    assert len(headers["Twilio-Request-Id"]) == 34
    assert headers["Twilio-Concurrent-Requests"] == "1"
