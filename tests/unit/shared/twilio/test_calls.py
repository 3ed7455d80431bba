"""Calls and recordings over the wire: what goes out, and what each answer comes to."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl

import pytest

from shared.errors import Permanent, Transient, Unknown
from shared.twilio.client import CALL_NOT_LIVE, CURRENT, NOT_FOUND
from tests.unit.shared.twilio.conftest import ACCOUNT

SID, RECORDING = "CA" + "1" * 32, "RE" + "2" * 32
NOW = datetime(2026, 3, 4, 17, tzinfo=UTC)
ORDER = {"to": "+14155550199", "from_": "+14155550100", "twiml": "<Response/>", "ring_s": 20,
         "status_callback": "https://c.example.com/api/webhooks/call?call_id=1#rc=3"}  # fmt: skip


def call(**more):
    return {"sid": SID, "account_sid": ACCOUNT, "status": "queued", "direction": "outbound-api",
            "date_created": format_datetime(NOW), **more}  # fmt: skip


def sent(api):
    method, path, _, body = api.got[-1]
    return method, path.rpartition(ACCOUNT)[2], parse_qsl(body.decode())


def refused(code, status=400):
    return status, {"code": code, "message": "no", "status": status}, {}


def test_a_call_goes_out_with_its_document_and_asks_for_every_status(api, twilio):
    api.answers = [(201, call(), {})]
    assert twilio.place_call(**ORDER).call_sid == SID
    assert sent(api) == ("POST", "/Calls.json", [
        ("To", ORDER["to"]), ("From", ORDER["from_"]), ("StatusCallback", ORDER["status_callback"]),
        ("StatusCallbackEvent", "initiated"), ("StatusCallbackEvent", "ringing"), ("StatusCallbackEvent", "answered"),
        ("StatusCallbackEvent", "completed"), ("Timeout", "20"), ("Twiml", "<Response/>"),
    ])  # fmt: skip


def test_a_machine_is_looked_for_while_the_call_goes_on(api, twilio):
    api.answers = [(201, call(), {})]
    twilio.place_call(**ORDER, amd_callback="https://c.example.com/amd")
    assert dict(sent(api)[2]) | {
        "MachineDetection": "Enable", "AsyncAmd": "true", "AsyncAmdStatusCallback": "https://c.example.com/amd",
    } == dict(sent(api)[2])  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(None, Unknown), ((500, {}, {}), Unknown), ((201, call(sid=None), {}), Unknown), ((201, b"<html>", {}), Unknown),
     ((429, {}, {}), Transient), (refused(21210), Permanent)],
)  # fmt: skip
def test_only_an_answer_that_never_came_leaves_a_doubt(api, twilio, answer, outcome):
    api.answers = [answer]
    with pytest.raises(outcome):
        twilio.place_call(**ORDER)
    with pytest.raises(outcome):
        twilio.start_recording(SID, status_callback="https://c.example.com/")


def test_the_list_shows_calls_of_the_api_since_the_request_and_those_without_a_date(api, twilio):
    old = format_datetime(NOW - timedelta(minutes=5))
    listed = [call(), call(sid="CA" + "2" * 32, direction="outbound-dial"), call(sid="CA" + "3" * 32, date_created=None),
              call(sid="CA" + "4" * 32, date_created=old)]  # fmt: skip
    api.answers = [(200, {"calls": listed, "next_page_uri": None}, {})]
    found = twilio.find_calls(to="+1", from_="+2", since=NOW)
    assert [one.call_sid for one in found] == [SID, "CA" + "3" * 32]
    assert "StartTime" not in api.got[-1][1]


def test_a_list_is_read_to_its_end_or_to_what_is_too_old(api, twilio):
    next_uri = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json?Page=1"
    old = call(date_created=format_datetime(NOW - timedelta(days=1)))
    pages = [{"calls": [call()], "next_page_uri": next_uri}, {"calls": [old], "next_page_uri": next_uri}]
    api.answers = [(200, page, {}) for page in pages]
    assert [one.call_sid for one in twilio.find_calls(to="+1", from_="+2", since=NOW)] == [SID]
    assert len(api.got) == 2


def test_a_list_that_is_refused_is_no_no(api, twilio):
    api.answers = [refused(20003, 401)]
    with pytest.raises(Transient):
        twilio.find_calls(to="+1", from_="+2", since=NOW)
    with pytest.raises(Transient):
        twilio.recordings_started(SID)


def test_a_call_is_given_other_instructions(api, twilio):
    api.answers = [(200, call(), {})]
    twilio.redirect_call(SID, "<Response/>")
    assert sent(api) == ("POST", f"/Calls/{SID}.json", [("Twiml", "<Response/>")])


def test_a_recording_has_a_channel_for_each_side_and_tells_of_its_beginning_and_end(api, twilio):
    api.answers = [(201, {"sid": RECORDING}, {})]
    assert twilio.start_recording(SID, status_callback="https://c.example.com/") == RECORDING
    assert sent(api) == ("POST", f"/Calls/{SID}/Recordings.json", [
        ("RecordingStatusCallbackEvent", "in-progress"), ("RecordingStatusCallbackEvent", "completed"),
        ("RecordingStatusCallbackEvent", "absent"), ("RecordingStatusCallback", "https://c.example.com/"),
        ("RecordingChannels", "dual"),
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("status", "form"),
    [("paused", [("Status", "paused"), ("PauseBehavior", "skip")]), ("in-progress", [("Status", "in-progress")]),
     ("stopped", [("Status", "stopped")])],
)  # fmt: skip
@pytest.mark.parametrize("which", [RECORDING, CURRENT])
def test_what_is_said_in_a_pause_is_left_out(api, twilio, status, form, which):
    api.answers = [(200, {"sid": RECORDING}, {})]
    twilio.change_recording(SID, which, status)
    assert sent(api) == ("POST", f"/Calls/{SID}/Recordings/{which}.json", form)


def test_only_recordings_that_were_started_on_the_live_call_are_listed(api, twilio):
    listed = [{"sid": RECORDING, "source": "StartCallRecordingAPI"}, {"sid": "RE" + "3" * 32, "source": "DialVerb"}]
    api.answers = [(200, {"recordings": listed, "next_page_uri": None}, {})]
    assert twilio.recordings_started(SID) == [RECORDING]


@pytest.mark.parametrize(("code", "status"), [(CALL_NOT_LIVE, 400), (NOT_FOUND, 404)])
def test_what_is_over_says_so_by_its_code(api, twilio, code, status):
    api.answers = [refused(code, status)]
    with pytest.raises(Permanent) as told:
        twilio.redirect_call(SID, "<Response/>")
    assert told.value.twilio_code == code
