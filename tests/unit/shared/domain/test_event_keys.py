import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.doors import own_query
from shared.domain.event_keys import is_sid, kind_of, meaning, name

CALL, LEG, MESSAGE, RECORDING = "CA" + "1" * 32, "CA" + "2" * 32, "SM" + "3" * 32, "RE" + "4" * 32
TRANSCRIPTION, NOTICE = "TR" + "5" * 32, "NO" + "6" * 32

SHAPES = [
    ("call", {"CallSid": CALL, "CallStatus": "ringing", "Direction": "inbound"}, "call-in", f"call-in:{CALL}"),
    (
        "status",
        {"CallSid": CALL, "CallStatus": "completed", "CallDuration": "15", "SequenceNumber": "2"},
        "call-status",
        f"call-status:{CALL}:completed",
    ),
    ("status", {"CallSid": CALL, "CallStatus": "ringing"}, "call-status", f"call-status:{CALL}:ringing"),
    ("status", {"MessageSid": MESSAGE, "MessageStatus": "sent"}, "msg-status", f"msg-status:{MESSAGE}:sent"),
    ("status", {"SmsSid": MESSAGE, "SmsStatus": "delivered"}, "msg-status", f"msg-status:{MESSAGE}:delivered"),
    (
        "status",
        {"MessageSid": MESSAGE, "MessageStatus": "undelivered", "ErrorCode": "30003"},
        "msg-status",
        f"msg-status:{MESSAGE}:undelivered:30003",
    ),
    ("message", {"MessageSid": MESSAGE, "SmsStatus": "received", "Body": ""}, "msg-in", f"msg-in:{MESSAGE}"),
    ("status", {"MessageSid": MESSAGE, "SmsStatus": "received"}, "msg-in", f"msg-in:{MESSAGE}"),
    (
        "status",
        {"MessageSid": MESSAGE, "MessageStatus": "received", "SmsStatus": "received"},
        "msg-status",
        f"msg-status:{MESSAGE}:received",
    ),
    (
        "recording",
        {"RecordingSid": RECORDING, "RecordingStatus": "completed", "CallSid": CALL},
        "rec",
        f"rec:{RECORDING}:completed",
    ),
    (
        "status",
        {
            "TranscriptionSid": TRANSCRIPTION,
            "TranscriptionStatus": "completed",
            "CallSid": CALL,
            "RecordingSid": RECORDING,
        },
        "txn",
        f"txn:{TRANSCRIPTION}:completed",
    ),
    (
        "status",
        {"Sid": NOTICE, "Level": "ERROR", "PayloadType": "application/json", "Payload": "{}"},
        "debugger",
        f"debugger:{NOTICE}",
    ),
]


@pytest.mark.parametrize(("door", "params", "kind", "key"), SHAPES)
def test_each_kind_of_webhook_gets_its_semantic_key(door, params, kind, key):
    named = name(params, door, "/x")
    assert (named.kind, named.key) == (kind, key)


@pytest.mark.parametrize(
    ("door", "params", "kind"),
    [
        ("dial", {"CallSid": CALL, "DialCallStatus": "no-answer", "CallStatus": "in-progress"}, "dial"),
        ("status", {"CallSid": CALL, "AnsweredBy": "human", "MachineDetectionDuration": "900"}, "amd"),
        (
            "voicemail",
            {"CallSid": CALL, "RecordingUrl": "https://x", "RecordingDuration": "3", "Digits": "#"},
            "voicemail",
        ),
        ("call", {"CallSid": CALL, "Digits": "1", "CallStatus": "in-progress"}, "gather"),
        (
            "call",
            {"CallSid": CALL, "ErrorCode": "11200", "ErrorUrl": "https://x", "CallStatus": "ringing"},
            "call-fallback",
        ),
        ("message", {"MessageSid": MESSAGE, "ErrorCode": "11210", "ErrorUrl": "https://x"}, "msg-fallback"),
        ("status", {"CallSid": CALL, "TranscriptionEvent": "transcription-content", "TranscriptionSid": "GT"}, "rtt"),
        ("status", {}, "other"),
    ],
)
def test_kinds_are_read_from_the_parameters(door, params, kind):
    assert kind_of(params, door) == kind


def test_a_status_posted_to_the_voice_url_by_mistake_is_still_a_status():
    params = {"CallSid": CALL, "CallStatus": "completed", "CallDuration": "1", "CallbackSource": "call-progress-events"}
    assert kind_of(params, "call") == "call-status"


def test_callbacks_that_may_repeat_in_one_call_are_told_apart_by_twilios_token():
    params = {"CallSid": CALL, "DialCallStatus": "no-answer"}
    first, retry, second = (name(params, "dial", "/d", token) for token in ("t1", "t1", "t2"))
    assert first == retry
    assert first.key != second.key


def test_without_a_token_the_content_is_the_identity():
    params = {"CallSid": CALL, "DialCallStatus": "no-answer"}
    assert name(params, "dial", "/d").key == name(dict(reversed(params.items())), "dial", "/d").key
    assert name(params, "dial", "/d").key != name({**params, "DialCallDuration": "0"}, "dial", "/d").key


def test_a_name_that_is_not_hexadecimal_is_one_that_people_look_for_all_the_same():
    assert name({"CallSid": "CA" + "X" * 32, "CallStatus": "busy"}, "status", "/x").sids == ("CA" + "X" * 32,)


def test_an_event_speaks_of_every_sid_in_it_once():
    params = {"CallSid": CALL, "DialCallSid": LEG, "ParentCallSid": CALL, "RecordingSid": RECORDING, "Sid": "nonsense"}
    assert name(params, "dial", "/d").sids == (CALL, RECORDING, LEG)


NAMES = [
    "CallSid", "MessageSid", "CallStatus", "SmsStatus", "RecordingSid", "Sid", "RecordingStatus", "DialCallStatus",
    "ErrorUrl", "Digits", "AnsweredBy", "TranscriptionSid", "\ud800",
]  # fmt: skip


@given(st.dictionaries(st.sampled_from(NAMES), st.text()))
def test_whatever_is_posted_has_a_name(params):
    named = name(params, "status", "/x")
    assert named.key.startswith(named.kind)


@pytest.mark.parametrize("sid", ["CA" + "x" * 5000, "CA\0", "\ud800" * 500])
def test_a_key_always_fits_into_an_index_and_still_tells_events_apart(sid):
    one, other = (name({"CallSid": sid, "CallStatus": status}, "status", "/x") for status in ("busy", "failed"))
    assert len(one.key) <= 400
    assert "\0" not in one.key
    assert one.key != other.key
    assert one == name({"CallSid": sid, "CallStatus": "busy"}, "status", "/x")


@pytest.mark.parametrize("door", ["choice", "accept", "whisper"])
def test_a_menu_of_ours_is_told_by_its_door(door):
    for said in ({"Digits": "1"}, {"Digits": ""}, {}):
        assert kind_of({"CallSid": CALL, "CallStatus": "in-progress", **said}, door) == door
    status = {"CallSid": CALL, "CallStatus": "completed", "CallbackSource": "call-progress-events"}
    assert kind_of(status, door) == "call-status"


def test_two_menus_of_a_call_answered_alike_are_two_events():
    params = {"CallSid": CALL, "Digits": "1", "CallStatus": "in-progress"}
    stages = [
        name(params, "choice", "/api/calls/choice", "", f"stage={stage}").key for stage in ("emergency", "consent")
    ]
    assert len({*stages}) == 2


@pytest.mark.parametrize(
    "address", ["https://a.example/api/calls/choice?stage=consent#rc=3", "https://a.example/t/api/v1/calls/choice"]
)
def test_a_fallback_means_what_the_address_that_failed_would_have_meant(address):
    params = {"CallSid": CALL, "Digits": "1", "CallStatus": "in-progress", "ErrorUrl": address, "ErrorCode": "11200"}
    assert name(params, "call", "/api/calls/fallback").kind == "call-fallback"
    assert meaning("call-fallback", params) == "choice"


@given(st.text(), st.text())
def test_no_address_that_failed_breaks_the_reading_of_it(address, query):
    params = {"ErrorUrl": address, "CallSid": CALL}
    assert meaning("call-fallback", params)
    own_query(query, params)


def test_only_what_looks_like_a_sid_is_one():
    assert is_sid(CALL, "CA")
    assert not any(is_sid(text, "CA") for text in ("", "CA", CALL + "1", CALL + "\n", CALL[:-1] + "&", MESSAGE))
