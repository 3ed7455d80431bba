"""Whatever stands in a signed webhook, its handler ends in an outcome: no exception, nothing that PostgreSQL refuses."""

from itertools import count
from urllib.parse import urlencode

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.db import numbers
from shared.domain import event_keys
from shared.domain.event import Event
from shared.domain.routing import Number, forwards
from shared.errors import Unreadable
from tests import corpus
from workers import events, payloads

OURS = "8" * 8 + "-0000-4000-8000-" + "8" * 12
TAKEN = "SM" + "7" * 32
_serial = count(1)

HOSTILE = [
    "", " ", "\0", "a\0b", "\x1b[31m", "\ud7ff\ufffd\U0001f44d", "no value", "null", "None", "true", "-1", "0", "1e999", "NaN",
    "9" * 9, "9" * 10, "9" * 400, "x" * 65, "x" * 400, "x" * 30_000, "é" * 3_000, "'; drop table calls; --", "%s %(x)s {0}",
    '{"transcript":"\\u0000\\ud800","confidence":"NaN"}', '{"transcript":{"a":1}}', "{", "[" * 3_000,
    '{"error_code":99999999999,"resource_sid":[]}', '{"webhook":{"request":{"url":"\\u0000"}},"more_info":7}',
    "+", "+0", "+1415555010x", "+14155550100", "+" + "1" * 15, "whatsapp:+14155550100",
    "2026-03-01T14:22:05Z", "0001-01-01T00:00:00+23:59", "Sun, 01 Mar 2026 14:22:05 +9999", "2602300000",
    "completed", "in-progress", "received", "delivered", "failed", "absent", "inbound", "outbound-dial", "ERROR", "STOP",
    "transcription-content", "inbound_track", "busy", "human", "100", "USD", TAKEN, "CA" + "1" * 32,
    "https://api.twilio.com/2010-04-01/Accounts/AC/Recordings/RE" + "1" * 32,
]  # fmt: skip
SUBJECTS = {"CallSid": "CA" + "1" * 32, "MessageSid": TAKEN, "RecordingSid": "RE" + "2" * 32,
            "TranscriptionSid": "GT" + "3" * 32, "ConferenceSid": "CF" + "4" * 32}  # fmt: skip

values = st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8"), max_size=80)


def names(kind):
    meant = {"call-fallback": "call-in", "msg-fallback": "msg-in"}.get(kind, kind)
    known = {field.data_key for field in payloads.SCHEMAS[meant].fields.values()} if meant != "other" else set()
    return sorted(
        known
        | {"SmsStatus", "Price", "ErrorUrl", "ErrorCode", "Body", "MediaUrl0", "NumMedia", "Surprise", "\0", "Sid"}
    )


@pytest.fixture(scope="module")
def conn(module_database_url):
    with psycopg.connect(module_database_url, autocommit=True) as opened:
        numbers.put(opened, Number(corpus.BUSINESS, corpus.TENANT, forwards(corpus.OWNER)))
        opened.execute(
            "insert into messages (id, direction, to_number, send_state) values (%s, 'outbound', 'x', 'sending')",
            (OURS,),
        )
        opened.execute(
            "insert into messages (message_sid, direction, to_number, status) values (%s, 'inbound', 'x', 'received')",
            (TAKEN,),
        )
        yield opened


def outcome(conn, kind, params, *, query="", body=None, content_type="application/x-www-form-urlencoded", forced=True):
    """What becomes of the event; with `forced` whatever its name says, so that the handler of `kind` gets it."""
    body = urlencode(params, errors="replace").encode() if body is None else body
    named = event_keys.name(params, "status", "/x", "")
    event = Event(
        event_id=f"{next(_serial):032x}", key=f"{kind}:{next(_serial)}" if forced else named.key,
        kind=kind if forced else named.kind, account_sid=corpus.ACCOUNT_SID, sids=named.sids, path="/x", query=query,
        content_type=content_type, token="", body=body, received_ns=1_772_374_925_000_000_000,
    )  # fmt: skip
    with conn.transaction(force_rollback=True):
        try:
            return events.apply(conn, [event])[event.event_id]
        except Unreadable as fault:
            return f"unreadable: {fault.reason}"


@pytest.mark.parametrize("kind", [*payloads.SCHEMAS, "call-fallback", "msg-fallback", "other"])
def test_no_value_makes_a_handler_raise(conn, kind):
    @settings(max_examples=25, deadline=None, suppress_health_check=[*HealthCheck])
    @given(
        st.dictionaries(st.sampled_from(names(kind)), values, max_size=12), st.sampled_from(["", f"message_id={OURS}"])
    )
    def holds(odd, query):
        assert outcome(conn, kind, {**SUBJECTS, **odd}, query=query)

    holds()


@pytest.mark.parametrize("kind", [*payloads.SCHEMAS])
@pytest.mark.parametrize("value", ["\0" * 3, "x" * 30_000, "9" * 400, "\U0001f44d"])
def test_no_value_in_all_fields_at_once_makes_a_handler_raise(conn, kind, value):
    assert outcome(conn, kind, {**dict.fromkeys(names(kind), value), **SUBJECTS})


@settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])
@given(st.sampled_from(sorted({name for kind in payloads.SCHEMAS for name in names(kind)})), values, st.data())
def test_whatever_the_fields_make_of_it_a_webhook_ends_in_an_outcome(conn, name, value, data):
    payload = data.draw(st.sampled_from(corpus.payloads()))
    assert outcome(conn, "", {**payload.params, name: value}, forced=False)


@settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])
@given(
    st.binary(max_size=300), st.sampled_from(["", "application/x-www-form-urlencoded", "application/json", "text/xml"])
)
def test_no_bytes_make_a_handler_raise(conn, tail, content_type):
    for kind in ("call-in", "msg-in", "rtt", "debugger"):
        head = "&".join(f"{name}={sid}" for name, sid in SUBJECTS.items()).encode()
        assert outcome(conn, kind, {}, body=head + b"&Body=" + tail, content_type=content_type)


def test_ten_thousand_fields_are_set_aside(conn):
    assert outcome(conn, "call-in", {**SUBJECTS, **{f"f{n}": "1" for n in range(10_000)}}).startswith(
        "unreadable: parameters"
    )


def test_lone_surrogates_of_a_json_body_do_no_harm(conn):
    body = b'{"CallSid":"CA1","CallStatus":"ringing","From":"\\ud800\\u0000","To":"+14155550100","CallDuration":1e400}'
    assert outcome(conn, "call-status", {}, body=body, content_type="application/json") == "applied"


def test_a_callback_that_names_another_texts_sid_renames_nothing(conn):
    params = {"MessageSid": TAKEN, "MessageStatus": "delivered"}
    assert outcome(conn, "msg-status", params, query=f"message_id={OURS}") == "applied"
