"""The same webhooks, in any order, any number of times and in any batches, end the same."""

from dataclasses import replace
from itertools import count, permutations

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.db import numbers, transcriptions
from shared.domain.routing import Number, forwards
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, OWNER, TENANT, event
from workers import events, live_words
from workers.handlers.calls import settle

CALL, LEG, OURS, OTHER = "CA" + "1" * 32, "CA" + "2" * 32, "CA" + "3" * 32, "CA" + "9" * 32
RECORDING, WORDS, LIVE, TEXT = "RE" + "4" * 32, "TR" + "5" * 32, "GT" + "6" * 32, "SM" + "7" * 32
MESSAGE = "8" * 8 + "-0000-4000-8000-" + "8" * 12
FACTS = {"CallSid": CALL, "From": CUSTOMER, "To": BUSINESS, "Direction": "inbound"}
OF_OURS = {"CallSid": OURS, "From": BUSINESS, "To": CUSTOMER, "Direction": "outbound-api"}
ENDS = {"CallbackSource": "call-progress-events", "CallDuration": "21", "Duration": "1"}
URL = {"RecordingUrl": f"https://api.twilio.com/2010-04-01/Accounts/AC/Recordings/{RECORDING}"}
_serial = count(1)


def incoming(answer="forward", **more):
    return event("call", answer=answer, CallStatus="ringing", **{**FACTS, **more})


def completed(**more):
    return event("status", CallStatus="completed", SequenceNumber="3", **{**FACTS, **ENDS, **more})


def leg(status, number, **more):
    given = {"CallSid": LEG, "ParentCallSid": CALL, "From": CUSTOMER, "To": OWNER, "Direction": "outbound-dial"}
    return event(
        "status", CallStatus=status, SequenceNumber=str(number), CallbackSource="call-progress-events", **given, **more
    )


def dialled(result, answer="", **more):
    facts = {"CallStatus": "in-progress", "DialCallSid": LEG, **FACTS, **more}
    return event("dial", answer=answer, DialCallStatus=result, **facts)


def recorded(status, **more):
    return event(
        "recording", RecordingSid=RECORDING, RecordingStatus=status, CallSid=CALL, RecordingSource="RecordVerb", **more
    )


def ours(status, number, **more):
    given = {"CallSid": OURS, "From": BUSINESS, "To": CUSTOMER, "Direction": "outbound-api"}
    return event(
        "status", CallStatus=status, SequenceNumber=str(number), CallbackSource="call-progress-events", **given, **more
    )


def live(step, sequence, track="inbound_track", final="true", text="", **more):
    return event("status", TranscriptionSid=LIVE, TranscriptionEvent=f"transcription-{step}", CallSid=CALL, Track=track,
                 SequenceId=str(sequence), Final=final, TranscriptionData=f'{{"transcript":"{text}","confidence":0.9}}',
                 Timestamp=f"2026-03-01T14:22:{sequence:02d}.5Z", **more)  # fmt: skip


def reported(status, **more):
    return event(
        "status", f"message_id={MESSAGE}", MessageSid=TEXT, MessageStatus=status, From=BUSINESS, To=CUSTOMER, **more
    )


def received(**more):
    return event("message", MessageSid=TEXT, SmsStatus="received", From=CUSTOMER, To=BUSINESS, Body="Stop", **more)


LIVES = {
    "a missed call with a voicemail": lambda: [
        incoming(), leg("initiated", 0), leg("ringing", 1), leg("no-answer", 2, CallDuration="0"),
        dialled("no-answer", DialBridged="false"),
        event("voicemail", CallStatus="completed", RecordingDuration="9", Digits="hangup", **FACTS, **URL),
        recorded("in-progress"), recorded("completed", RecordingDuration="9", RecordingChannels="1", ErrorCode="0"),
        event("status", TranscriptionSid=WORDS, TranscriptionStatus="completed", TranscriptionText="Hi", CallSid=CALL,
              RecordingSid=RECORDING),
        completed(),
    ],
    "an answered and recorded call, transcribed while it went on": lambda: [
        incoming(), leg("initiated", 0), leg("ringing", 1), leg("in-progress", 2),
        event("call", CallSid=LEG, ParentCallSid=CALL, From=CUSTOMER, To=OWNER, Direction="outbound-dial",
              CallStatus="in-progress"),
        leg("completed", 3, CallDuration="15", AnsweredBy="human"),
        dialled("completed", DialBridged="true", CallStatus="completed", **URL), recorded("completed", RecordingDuration="15"),
        live("started", 1, "both_tracks"), live("content", 2, text="He", final="false"), live("content", 3, text="Hello"),
        live("content", 2, "outbound_track", text="Yes?"), live("stopped", 9), completed(),
    ],
    "a caller of whom only the call and its end are heard": lambda: [incoming(), completed()],
    "a call for the voicemail alone": lambda: [
        incoming("voicemail"), event("voicemail", CallStatus="in-progress", RecordingDuration="3", **FACTS, **URL),
        recorded("absent", RecordingDuration="0", ErrorCode="16101"), completed(),
    ],
    "a call that came by the fallback address": lambda: [
        incoming(), incoming(ErrorCode="11200", ErrorUrl="https://x"), dialled("busy"), completed(),
    ],
    "a call whose dial result came by the fallback address": lambda: [
        incoming(), dialled("no-answer", ErrorCode="11205", ErrorUrl="https://x", CallStatus="completed"), completed(),
    ],
    "a caller who typed and spoke": lambda: [
        incoming(), event("call", Digits="1", CallStatus="in-progress", **FACTS),
        event("status", UnstableSpeechResult="I", Stability="0.4", SequenceNumber="0", CallStatus="in-progress", **FACTS),
        event("call", SpeechResult="I do", Confidence="0.8", CallStatus="in-progress", **FACTS), completed(),
    ],
    "a call of ours that a machine took": lambda: [
        ours("initiated", 0), ours("ringing", 1), ours("in-progress", 2, AnsweredBy="machine_start"),
        event("status", CallSid=OURS, AnsweredBy="machine_end_beep", MachineDetectionDuration="8123"),
        ours("completed", 3, CallDuration="30", AnsweredBy="machine_start"),
    ],
    "a call of ours whose end is told in three ways": lambda: [
        ours("ringing", 1), ours("canceled", 2), ours("no-answer", 2), ours("completed", 3, CallDuration="0"),
    ],
    "two dials in one call, the second one answered": lambda: [
        ours("in-progress", 1), dialled("no-answer", DialBridged="false", **OF_OURS),
        dialled("completed", DialBridged="true", **OF_OURS),
    ],
    "two phones, screened by a key, for a caller who agreed to be recorded": lambda: [
        incoming("consent;consent=asked;way=press", StirVerstat="TN-Validation-Passed-A", CallerName="ANNA"),
        event("choice", "stage=consent", "forward;rec=1;consent=given;way=press;screen=press", Digits="1",
              CallStatus="in-progress", **FACTS),
        event("whisper", f"call={CALL}", "whisper", CallSid=LEG, CallStatus="in-progress", Direction="outbound-dial"),
        leg("completed", 2, SipResponseCode="200"),
        dialled("completed", DialBridged="false", answer="forward;step=2;screen=press;rec=1"),
        event("accept", f"call={CALL}", "accepted", CallSid=OTHER, Digits="1", CallStatus="in-progress"),
        event("status", f"parent={CALL}", CallSid=OTHER, CallStatus="completed", CallbackSource="call-progress-events",
              SequenceNumber="2"),
        dialled("completed", DialBridged="true", DialCallDuration="33", answer="taken", DialCallSid=OTHER), completed(),
    ],
    "a carrier's voicemail that Twilio hears": lambda: [
        incoming("forward;screen=amd"), event("status", CallSid=LEG, AnsweredBy="machine_start"),
        dialled("completed", DialBridged="true", answer="taken"), leg("completed", 2), completed(),
    ],
    "a text that arrives and is read": lambda: [
        reported("queued"), reported("sending"), reported("sent", ErrorCode="30008"), reported("delivered", Price="-0.0079"),
        reported("read", EventType="READ"),
    ],
    "a text that is undelivered and then delivered after all": lambda: [
        reported("sent", NumSegments="2"), reported("undelivered", ErrorCode="30003"), reported("delivered", ErrorCode="0"),
    ],
    "a text whose end is told in three ways": lambda: [
        reported("failed", ErrorCode="30007"), reported("undelivered", ErrorCode="30003"), reported("canceled"),
    ],
    "a customer's text by both addresses": lambda: [received(), received(ErrorCode="11200", ErrorUrl="https://x")],
    "a recording that is told of in every way": lambda: [
        recorded("in-progress", RecordingStartTime="Sun, 01 Mar 2026 14:22:11 +0000", RecordingTrack="both"),
        recorded("completed", RecordingDuration="9", RecordingChannels="2"), recorded("absent"), recorded("failed"),
    ],
    "a card number said in pieces, by two who were given names": lambda: [
        live("started", 1, "both_tracks", InboundTrackLabel="customer", OutboundTrackLabel="agent"),
        live("content", 2, text="my card is 4111"), live("content", 3, "outbound_track", text="go on"),
        live("content", 4, text="1111 1111"), live("content", 5, text="11", final="false"),
        live("content", 6, text="1111 is it"), live("content", 7, "outbound_track", text="thanks"), live("stopped", 8),
    ],
    "a transcription of a recording by both ends of its story": lambda: [
        event("status", TranscriptionSid=WORDS, TranscriptionStatus=status, TranscriptionText=text, CallSid=CALL,
              RecordingSid=RECORDING)
        for status, text in (("in-progress", ""), ("completed", "my pin is 1234"), ("completed", "my pin is 1234"))
    ],
    "a live transcription that fails": lambda: [
        live("started", 1), live("content", 2, text="a"), live("content", 2, text="b", Stability="1"),
        live("error", 5, TranscriptionErrorCode="32655"), live("stopped", 6),
    ],
}  # fmt: skip

# What the rows say, without what is drawn or clocked when they are written.
TABLES = {
    "calls": ("id", "updated_at", "decided_at"), "message_steps": ("id",), "messages": ("updated_at", "created_at", "id"),
    "recordings": ("announced_at", "available_at", "absent_at", "failed_at", "updated_at"),
    "transcriptions": ("updated_at", "told_at"), "transcription_parts": (),
    "call_inputs": (), "call_steps": ("id", "at"),
    "text_backs": ("decided_at",), "alerts": (), "notifications": ("id", "created_at", "data", "order_key", "tenant_id"),
}  # fmt: skip


@pytest.fixture(scope="module")
def conn(module_database_url):
    with psycopg.connect(module_database_url, autocommit=True) as opened:
        numbers.put(opened, Number(BUSINESS, TENANT, forwards(OWNER)))
        yield opened


def ending(conn, batches):
    """What the tables say after these batches; nothing stays."""
    with conn.transaction(force_rollback=True):
        conn.execute("insert into messages (id, direction, from_number, to_number, send_state) "
                     "values (%s, 'outbound', %s, %s, 'sending')", (MESSAGE, BUSINESS, CUSTOMER))  # fmt: skip
        for batch in batches:
            events.apply(conn, batch)
        for (call_sid,) in conn.execute("select ref from jobs where kind = 'call.settle'").fetchall():
            settle(conn, call_sid)  # what is expected no more is taken for lost: only then is everything said
        for (sid,) in conn.execute("select ref from jobs where kind = 'transcription.settle'").fetchall():
            live_words.join(conn, sid)
        return {
            table: sorted(str(row) for (row,) in conn.execute(f"select to_jsonb(t) - %s::text[] from {table} as t",
                                                               (list(unclocked),)))
            for table, unclocked in TABLES.items()
        }  # fmt: skip


def copies(life, order):
    """Twilio's retries are arrivals of their own."""
    seen = set()
    arrivals = []
    for index in order:
        arrival = life[index]
        arrivals.append(arrival if index not in seen else replace(arrival, event_id=f"r{next(_serial):031x}"))
        seen.add(index)
    return arrivals


@pytest.mark.parametrize("name", [name for name, life in LIVES.items() if len(life()) <= 4])
def test_every_order_of_a_short_life_ends_the_same(conn, name):
    life = LIVES[name]()
    endings = {str(ending(conn, [[one] for one in order])) for order in permutations(life)}
    assert len(endings) == 1


@pytest.mark.parametrize("name", LIVES)
def test_any_order_any_repetition_and_any_batches_end_the_same(conn, name):
    life = LIVES[name]()
    expected = ending(conn, [[one] for one in life])

    @settings(max_examples=10, deadline=None, suppress_health_check=[*HealthCheck])
    @given(st.permutations(range(len(life))), st.lists(st.integers(0, len(life) - 1), max_size=6), st.integers(1, 5))
    def holds(order, again, size):
        arrivals = copies(life, [*order, *again])
        batches = [arrivals[at : at + size] for at in range(0, len(arrivals), size)]
        assert ending(conn, batches) == expected

    holds()


def test_a_late_step_is_told_and_says_how_far_the_call_is(conn):
    with conn.transaction(force_rollback=True):
        events.apply(conn, [ours("completed", 3, CallDuration="1"), ours("ringing", 1)])
        told = conn.execute("select type, data ->> 'status' from notifications order by type").fetchall()
    assert told == [("call.completed", "completed"), ("call.status", "completed")]


def test_final_parts_of_a_live_transcription_are_in_order_within_their_track(conn):
    with conn.transaction(force_rollback=True):
        events.apply(conn, [live("content", 12, text="c"), live("content", 3, "outbound_track", text="d"),
                            live("content", 2, text="a"), live("content", 4, text="b", final="false"),
                            live("content", 9, text="b")])  # fmt: skip
        said = [(part.track, part.text) for part in transcriptions.final_parts(conn, LIVE)]
    assert said == [("inbound_track", "a"), ("inbound_track", "b"), ("inbound_track", "c"), ("outbound_track", "d")]


@pytest.mark.parametrize("name", [name for name in LIVES if "transcri" in name or "card" in name])
def test_the_end_of_a_transcription_is_told_once(conn, name):
    told = ending(conn, [[one] for one in LIVES[name]()])["notifications"]
    assert len([row for row in told if "transcription." in row]) == 1
