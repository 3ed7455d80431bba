from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from shared.domain.event import Event
from shared.domain.event_keys import Kind
from shared.errors import Unreadable
from workers import payloads
from workers.payloads.fields import CarrierMoment, Code, Count, Moment, Price, Share, moment

CALL = "CA" + "1" * 32


def event(kind, query="", **params):
    return Event(
        event_id="0a", key="k", kind=kind, account_sid="AC", sids=(), path="/", query=query, token="", received_ns=1,
        content_type="application/x-www-form-urlencoded", body=urlencode(params).encode(),
    )  # fmt: skip


def counted(metric, **labels):
    return REGISTRY.get_sample_value(f"twilio_server_{metric}", labels) or 0.0


def test_every_kind_but_the_unknown_has_a_schema_or_stands_in_for_one_that_has():
    assert set(payloads.SCHEMAS) == set(Kind.__args__) - {"other", "call-fallback", "msg-fallback"}


def test_an_unknown_field_is_counted_and_changes_nothing():
    before = counted("webhook_unknown_fields_total", kind="call-status")
    said = payloads.read(event("call-status", CallSid=CALL, CallStatus="busy", Brand="x", Vendor="y", SipHeader_X="z"))
    assert said["status"] == "busy"
    assert counted("webhook_unknown_fields_total", kind="call-status") == before + 2


def test_a_new_field_is_logged_once_by_its_name_alone(monkeypatch):
    monkeypatch.setattr(payloads, "_told", set())
    with capture_logs() as lines:
        for _ in range(3):
            payloads.read(event("rec", RecordingSid="RE1", Loudness="secret", **{"no name!": "x"}))
    assert lines == [{"event": "webhook_field_unknown", "log_level": "info", "kind": "rec", "field": "Loudness"}]


@pytest.mark.parametrize(
    ("kind", "field", "value", "name"),
    [
        ("call-status", "CallDuration", "abc", "duration_s"),
        ("call-status", "CallDuration", "-1", "duration_s"),
        ("call-status", "CallDuration", "9" * 40, "duration_s"),
        ("call-status", "CallDuration", "٣", "duration_s"),
        ("call-status", "CallStatus", "teleported", "status"),
        ("call-status", "From", "+" * 321, "from_number"),
        ("call-status", "AnsweredBy", "cat", "answered_by"),
        ("dial", "DialBridged", "perhaps", "dial_bridged"),
        ("gather", "Confidence", "NaN", "confidence"),
        ("gather", "Confidence", "1.5", "confidence"),
        ("gather", "Digits", "1" * 101, "digits"),
    ],
)
def test_a_value_that_cannot_be_is_counted_and_taken_for_absent(kind, field, value, name):
    before = counted("webhook_unknown_values_total", kind=kind, field=field)
    said = payloads.read(event(kind, CallSid=CALL, To="+14155550100", **{field: value}))
    assert said[name] is None
    assert said["to_number"] == "+14155550100"
    assert counted("webhook_unknown_values_total", kind=kind, field=field) == before + 1


@pytest.mark.parametrize("word", ["busy", "Busy", "BUSY"])
def test_a_known_word_is_known_in_any_case(word):
    assert payloads.read(event("call-status", CallSid=CALL, CallStatus=word))["status"] == "busy"


@pytest.mark.parametrize("nothing", ["", "no value"])
def test_nothing_said_is_nothing_odd(nothing):
    before = counted("webhook_unknown_values_total", kind="call-status", field="CallDuration")
    assert payloads.read(event("call-status", CallSid=CALL, CallDuration=nothing))["duration_s"] is None
    assert counted("webhook_unknown_values_total", kind="call-status", field="CallDuration") == before


@pytest.mark.parametrize("sid", [{}, {"CallSid": ""}, {"CallSid": "no value"}, {"CallSid": "CA" * 40}])
def test_without_its_subject_an_event_cannot_be_read(sid):
    with pytest.raises(Unreadable, match="call-status without a CallSid"):
        payloads.read(event("call-status", CallStatus="busy", **sid))


def test_a_request_at_the_fallback_address_is_read_as_what_it_stands_in_for():
    said = payloads.read(
        event("call-fallback", CallSid=CALL, DialCallStatus="busy", ErrorUrl="https://x", ErrorCode="11200")
    )
    assert (said["dial_status"], said["error_code"]) == ("busy", 11200)


def test_more_fields_than_anyone_sends_cannot_be_read():
    with pytest.raises(Unreadable, match="at most"):
        payloads.read(event("call-in", CallSid=CALL, **{f"f{n}": "" for n in range(10_000)}))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Sun, 01 Mar 2026 14:22:05 +0000", datetime(2026, 3, 1, 14, 22, 5, tzinfo=UTC)),
        ("Sun, 01 Mar 2026 14:22:05 -0500", datetime(2026, 3, 1, 19, 22, 5, tzinfo=UTC)),
        ("2026-03-01T14:22:05.123456Z", datetime(2026, 3, 1, 14, 22, 5, 123456, tzinfo=UTC)),
        ("2026-03-01T14:22:05", datetime(2026, 3, 1, 14, 22, 5, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None), ("9999-12-31T23:59:59-14:00", None), ("Sun, 31 Feb 2026 14:22:05 +0000", None),
        ("Sun, 01 Mar 99999 14:22:05 +0000", None), ("yesterday", None), ("", None), (" ", None), ("2" * 500, None),
    ],
)  # fmt: skip
def test_a_time_is_read_in_both_of_twilios_ways_and_anything_else_is_none(text, at):
    assert moment(text) == at
    assert Moment.of(text) == at


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (Count, "0", 0), (Count, "999999999", 999_999_999), (Count, "1000000000", None), (Count, "1_0", None),
        (Count, " 1", None),
        (Code, "0", None), (Code, "30003", 30003), (Share, "0", 0.0), (Share, "1.0", 1.0), (Share, "1.01", None),
        (Share, "-0.1", None), (Share, "1e-1", None), (Share, "inf", None), (Price, "-0.00790", "-0.00790"),
        (Price, "USD", None),
        (CarrierMoment, "2603011422", datetime(2026, 3, 1, 14, 22, tzinfo=UTC)), (CarrierMoment, "2699011422", None),
        (CarrierMoment, "26030114", None),
    ],
)  # fmt: skip
def test_values_are_read_or_are_none(field, text, value):
    assert field.of(text) == value
