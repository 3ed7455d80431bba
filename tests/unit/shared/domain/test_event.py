import pytest

from shared.domain.event import Event, from_record
from shared.errors import Unreadable


def event(**more):
    given = {
        "event_id": "0a", "key": "msg-in:SM1", "kind": "msg-in", "account_sid": "AC1", "sids": ("SM1",), "path": "/p",
        "query": "message_id=7&x=", "content_type": "application/x-www-form-urlencoded", "token": "t",
        "body": b"Body=a%00b&From=%2B1&raw=\xff", "received_ns": 1_700_000_000_123_456_789,
    }  # fmt: skip
    return Event(**{**given, **more})


def test_an_event_comes_out_of_its_record_byte_for_byte():
    assert from_record(event().record()) == event()
    assert from_record(event().record()).body == b"Body=a%00b&From=%2B1&raw=\xff"


def test_what_postgresql_cannot_hold_is_taken_out_of_the_parameters_but_not_of_the_body():
    assert event().params["Body"] == "ab"
    assert b"%00" in event().body


def test_a_get_webhooks_parameters_are_its_query():
    assert event(body=b"", query="CallSid=CA1&CallStatus=").params == {"CallSid": "CA1", "CallStatus": ""}


def test_a_json_body_is_no_form_however_many_ampersands_it_has():
    json_event = event(body=b'{"text": "' + b"&" * 2000 + b'"}', content_type="application/json", query="bodySHA256=ab")
    assert json_event.params == {"bodySHA256": "ab", "text": "&" * 2000}


def test_what_we_wrote_into_the_callback_url_is_apart_from_what_was_posted():
    assert event().query_params == {"message_id": "7", "x": ""}


@pytest.mark.parametrize(
    "record", [b"", b"{}", b"[1,2]", b"\xff", b'["a","b","msg-in","AC","x","","","","",7,1,"",""]']
)
def test_a_record_that_is_none_says_so(record):
    with pytest.raises(Unreadable):
        from_record(record)
