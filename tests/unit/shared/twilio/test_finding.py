"""Was it taken? Twilio's list is read until it can be said, and in doubt a text is held for ours."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlsplit

import pytest

from shared.errors import Permanent, Transient
from tests.unit.shared.twilio.conftest import ACCOUNT
from tests.unit.shared.twilio.test_sending import MADE, refusal

SINCE = datetime(2026, 5, 1, 12, tzinfo=UTC)
TO, FROM, SERVICE = "+14155550199", "+14155550100", "MG" + "2" * 32
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages"


def listed(at=SINCE, **changes):
    return {**MADE, "to": TO, "body": "Hello", "date_created": format_datetime(at), **changes}


def page(*messages, following=None):
    return 200, {"messages": list(messages), "next_page_uri": following, "page_size": 200}, {}


def found(twilio, **wishes):
    return [
        sent.message_sid
        for sent in twilio.find_messages(**{"to": TO, "from_": FROM, "body": "Hello", "since": SINCE, **wishes})
    ]


def test_a_text_like_it_is_found_and_no_filter_on_dates_hides_one_in_its_queue(api, twilio):
    api.answers = [page(listed(date_sent=None))]
    assert found(twilio) == [MADE["sid"]]
    assert dict(parse_qsl(urlsplit(api.got[0][1]).query)) == {"To": TO, "From": FROM, "PageSize": "200"}


@pytest.mark.parametrize(
    ("changes", "wishes"),
    [
        ({"body": "Hello!"}, {}),
        ({"at": SINCE - timedelta(seconds=61)}, {}),
        ({"at": SINCE + timedelta(seconds=62)}, {"until": SINCE}),
        ({"direction": "outbound-reply"}, {}),
        ({"direction": "inbound"}, {}),
        ({"messaging_service_sid": "MG" + "3" * 32}, {"messaging_service_sid": SERVICE, "from_": ""}),
        ({"num_media": "1"}, {"media_count": 0}),
        ({"num_media": "1"}, {"media_count": 2}),
        ({"body": "", "num_media": "1"}, {"media_count": 1}),
    ],
)
def test_what_is_another_text_is_not_taken_for_it(api, twilio, changes, wishes):
    api.answers = [page(listed(**changes))]
    assert found(twilio, **wishes) == []


@pytest.mark.parametrize(
    ("changes", "wishes"),
    [
        ({"at": SINCE - timedelta(seconds=59)}, {}),  # clocks differ
        ({"at": SINCE + timedelta(hours=1)}, {}),
        ({"body": "Sent from your Twilio trial account - Hello"}, {}),
        ({"body": "one\ntwo"}, {"body": " one\r\ntwo\x00"}),
        ({"body": "it's"}, {"body": "it\N{RIGHT SINGLE QUOTATION MARK}s", "also": ["it's"]}),
        ({"body": ""}, {}),  # redacted: it may be
        ({"body": "", "num_media": "2"}, {"body": "", "media_count": 2}),
        ({"num_media": "0"}, {"media_count": 1}),  # not fetched yet
        ({"messaging_service_sid": SERVICE, "from": None}, {"messaging_service_sid": SERVICE, "from_": ""}),
    ],
)
def test_what_may_be_it_is_found(api, twilio, changes, wishes):
    api.answers = [page(listed(**changes))]
    assert found(twilio, **wishes) == [MADE["sid"]]


def test_without_a_sender_of_ours_none_is_asked_for(api, twilio):
    api.answers = [page()]
    assert found(twilio, from_="", messaging_service_sid=SERVICE) == []
    assert "From" not in api.got[0][1]


def test_pages_are_read_until_one_is_wholly_too_old(api, twilio):
    old = listed(SINCE - timedelta(days=1))
    api.answers = [
        page(old, listed(SINCE + timedelta(hours=1), body="Other"), following=f"{MESSAGES}.json?Page=1"),
        page(listed(sid="SM" + "2" * 32), old, following=f"{MESSAGES}.json?Page=2"),
        page(old, following=f"{MESSAGES}.json?Page=3"),
        page(listed()),
    ]
    assert found(twilio) == ["SM" + "2" * 32]
    assert [path.partition("?")[2] for _, path, _, _ in api.got[1:]] == ["Page=1", "Page=2"]


def test_a_list_without_end_is_no_certain_no(api, twilio):
    api.answers = [page(listed(body="Other"), following=f"{MESSAGES}.json?Page=1")]
    with pytest.raises(Transient, match="too_many_alike"):
        found(twilio)
    assert len(api.got) == 10


@pytest.mark.parametrize(
    "answer",
    [(404, refusal(20404), {}), (400, refusal(21211), {}), (500, b"", {}), (200, b"<html>", {}), (429, b"", {}), None],
)
def test_a_list_that_was_not_shown_is_no_answer_to_the_question(api, twilio, answer):
    api.answers = [answer]
    with pytest.raises(Transient):
        found(twilio)


def test_one_text_is_reported_as_twilio_has_it(api, twilio):
    api.answers = [
        (200, listed(status="undelivered", error_code=30003, price="-0.0079", date_sent=format_datetime(SINCE)), {})
    ]
    report = twilio.fetch_message(MADE["sid"])
    assert api.got[0][:2] == ("GET", f"{MESSAGES}/{MADE['sid']}.json")
    assert (report.status, report.error_code, report.price, report.segments, report.sent_at) == (
        "undelivered", 30003, "-0.0079", 2, SINCE,
    )  # fmt: skip


def test_a_text_that_is_not_there_is_refused(api, twilio):
    api.answers = [(404, refusal(20404), {})]
    with pytest.raises(Permanent) as outcome:
        twilio.fetch_message(MADE["sid"])
    assert outcome.value.twilio_code == 20404


def test_a_scheduled_text_is_called_off(api, twilio):
    api.answers = [(200, listed(status="canceled"), {})]
    assert twilio.cancel_message(MADE["sid"]).status == "canceled"
    assert dict(parse_qsl(api.got[0][3].decode())) == {"Status": "canceled"}
