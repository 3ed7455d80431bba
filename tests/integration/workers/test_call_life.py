"""What the webhooks of one call say, through the handlers and PostgreSQL: what `tests/call_lives.py` says in pure code."""

from dataclasses import replace
from itertools import count, islice, permutations

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from shared.db import call_steps, calls, numbers
from shared.domain.routing import Number, forwards
from tests.call_lives import LIVES, Heard, ending, lives
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, OWNER, TENANT, event
from workers import events
from workers.handlers.calls import settle

CALL = "CA" + "1" * 32
FACTS = {"CallSid": CALL, "From": CUSTOMER, "To": BUSINESS, "Direction": "inbound"}
ENDS = {"CallbackSource": "call-progress-events", "CallDuration": "21"}
_serial = count(1)


@pytest.fixture(scope="module")
def conn(module_database_url):
    with psycopg.connect(module_database_url, autocommit=True) as opened:
        numbers.put(opened, Number(BUSINESS, TENANT, forwards(OWNER)))
        yield opened


def sid_of(leg):
    return f"CA{leg:032x}" if leg else CALL


def posted(heard: Heard, is_first: bool = True):
    """The webhook that says so. A second answer to one call is one at the fallback address."""
    match heard.kind:
        case "incoming":
            failed = {} if is_first else {"ErrorCode": str(11200 + len(heard.note)), "ErrorUrl": "https://x"}
            return event("call", answer=heard.note, CallStatus="ringing", **FACTS, **failed)
        case "status":
            return event("status", CallStatus=heard.status, **FACTS, **ENDS)
        case "leg":
            told = {"ParentCallSid": CALL, "From": CUSTOMER, "To": OWNER, "Direction": "outbound-dial"}
            query, told = ("", told) if heard.leg == 1 else (f"parent={CALL}", {})
            said = {"AnsweredBy": heard.who} if heard.who else {}
            return event(
                "status",
                query,
                CallSid=sid_of(heard.leg),
                CallStatus=heard.status,
                SequenceNumber="1",
                **ENDS,
                **told,
                **said,
            )
        case "dial":
            said = {"DialCallSid": sid_of(heard.leg)} if heard.leg else {}
            said |= {"DialBridged": str(heard.bridged).lower()} if heard.bridged is not None else {}
            return event(
                "dial", answer=heard.note, CallStatus="in-progress", DialCallStatus=heard.status, **FACTS, **said
            )
        case "amd":
            return event("status", f"call={CALL}", CallSid=sid_of(heard.leg), AnsweredBy=heard.who)
        case "accept":
            digit = "1" if heard.note == "accepted" else "7"
            return event("accept", f"call={CALL}", heard.note, CallSid=sid_of(heard.leg), CallStatus="in-progress",
                         Direction="outbound-dial", Digits=digit)  # fmt: skip
        case "choice":
            return event("choice", "stage=emergency", heard.note, Digits="1", CallStatus="in-progress",
                         FinishedOnKey=heard.note, **FACTS)  # fmt: skip
        case "voicemail":
            return event(
                "voicemail", CallStatus="in-progress", RecordingDuration="9", RecordingUrl="https://x/1", **FACTS
            )


def webhooks(heard):
    first = next((one for one in heard if one.kind == "incoming"), None)
    return [posted(one, one is first) for one in heard]


def again(arrival):
    """Twilio's retry is an arrival of its own."""
    return replace(arrival, event_id=f"e{next(_serial):031x}")


def after(conn, arrivals, size=1):
    """What the rows say once these have been processed in batches and the waiting time is over; nothing stays."""
    with conn.transaction(force_rollback=True):
        for at in range(0, len(arrivals), size):
            events.apply(conn, arrivals[at : at + size])
        for (sid,) in conn.execute("select ref from jobs where kind = 'call.settle'").fetchall():
            settle(conn, sid)
        assert conn.execute("select count(*) from notifications where type = 'call.missed'").fetchone()[0] <= 1
        with conn.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute("select * from calls order by call_sid").fetchall()
            steps = cursor.execute("select * from call_steps order by call_sid, step, name").fetchall()
    for row in rows:
        del row["id"], row["updated_at"], row["decided_at"]
    for step in steps:
        del step["id"]
        if step["step"] in ("decided", "text-back"):
            del step["at"]
    return rows, steps


def decision_of(ended):
    (call,) = [row for row in ended[0] if row["call_sid"] == CALL]
    return call["decision"]


@pytest.mark.parametrize("name", LIVES)
def test_a_life_ends_as_the_pure_rules_say_in_many_orders_and_everything_is_told_the_same(conn, name):
    heard, decision, _ = LIVES[name]
    arrivals = webhooks(heard)
    every = list(islice(permutations(arrivals), 0, None, 7 if len(arrivals) > 4 else 1))
    endings = [after(conn, [*order, *map(again, order[:2])]) for order in every]
    assert {decision_of(one) for one in endings} == {decision}
    assert all(one == endings[0] for one in endings)


def test_the_rows_say_what_the_pure_rules_say_in_any_order_doubling_and_batches(conn):
    @settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])
    @given(st.data(), lives(), st.integers(1, 4))
    def holds(data, heard, size):
        arrivals = webhooks([*heard, Heard("status", "queued")])  # so that there is a call in any case
        once = after(conn, arrivals)
        assert decision_of(once) == ending(heard)
        mixed = data.draw(st.permutations([*arrivals, *map(again, arrivals)]))
        assert after(conn, mixed, size) == once

    holds()


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_who_answered_a_leg_counts_though_the_callback_names_the_leg_alone(conn, order):
    """Twilio's result of its detection says nothing of a parent; the dial result says whose leg it was."""
    leg = "CA" + "5" * 32
    heard = [event("call", answer="forward;screen=amd", CallStatus="ringing", **FACTS),
             event("status", CallSid=leg, AnsweredBy="machine_start"),
             event("dial", answer="taken", CallStatus="in-progress", DialCallStatus="completed", DialBridged="true",
                   DialCallSid=leg, **FACTS)]  # fmt: skip
    rows, _ = after(conn, [heard[index] for index in order])
    assert [(row["parent_call_sid"], row["direction"], row["decision"]) for row in rows] == [
        (None, "inbound", "missed"), (CALL, "outbound-dial", None),
    ]  # fmt: skip


def test_a_leg_is_never_taken_for_a_missed_call_of_its_own(conn):
    leg = "CA" + "5" * 32
    heard = [event("status", CallSid=leg, CallStatus="no-answer", From=CUSTOMER, To=OWNER, **ENDS),
             event("dial", answer="forward;step=2", CallStatus="in-progress", DialCallStatus="no-answer", DialCallSid=leg,
                   **FACTS)]  # fmt: skip
    for order in permutations(heard):
        rows, _ = after(conn, list(order))
        assert [row["decision"] for row in rows] == [None, None]


def test_what_was_said_of_a_call_is_kept_whatever_came_first(conn):
    said = [
        event("call", answer="forward;screen=press;rec=1;consent=announced;way=announce", CallStatus="ringing",
              StirVerstat="TN-Validation-Passed-A", ForwardedFrom="+14155550123", CallerName="ANNA SMITH", **FACTS),
        event("status", CallStatus="completed", SequenceNumber="4", SipResponseCode="200", **FACTS, **ENDS),
        event("status", CallStatus="ringing", SequenceNumber="1", SipResponseCode="12", **FACTS,
              CallbackSource="call-progress-events"),
    ]  # fmt: skip
    for order in permutations(said):
        ((call,), _) = after(conn, list(order))
        assert call | {
            "stir": "TN-Validation-Passed-A", "forwarded_from": "+14155550123", "caller_name": "ANNA SMITH", "sequence": 4,
            "sip_code": 200, "recording_wanted": True, "consent": "announced", "consent_way": "announce",
            "screening": "press", "route": "forward",
        } == call  # fmt: skip


def test_two_ends_of_one_call_are_told_as_a_conflict(conn):
    heard = [Heard("status", end) for end in ("completed", "busy", "canceled")]
    for order in permutations(webhooks(heard)):
        _, steps = after(conn, list(order))
        (conflict,) = [step for step in steps if step["step"] == "conflict"]
        assert conflict["detail"] == {"ends": ["busy", "canceled", "completed"]}
        assert conflict["at"] == sorted(arrival.received_at for arrival in order)[1]


def test_the_timeline_is_in_twilios_order_whenever_its_words_came(conn):
    said = [event("status", CallStatus=status, SequenceNumber=str(number), **FACTS, CallbackSource="call-progress-events")
            for number, status in enumerate(["initiated", "ringing", "in-progress", "completed"])]  # fmt: skip
    for order in permutations(said):
        with conn.transaction(force_rollback=True):
            # as they came in, whenever they are processed
            late = [replace(one, received_ns=one.received_ns + place * 10**9) for place, one in enumerate(order)]
            events.apply(conn, late)
            told = [step.name for step in call_steps.of(conn, [CALL]) if step.step == "status"]
        assert told == ["initiated", "ringing", "in-progress", "completed"]


def test_a_callback_that_names_a_call_of_ours_proves_that_it_was_placed(conn):
    with conn.transaction(force_rollback=True):
        ((id_,),) = conn.execute(
            "insert into placed_calls (client, from_number, to_number, purpose, plan, state, placing_since, expires_at) "
            "values ('c', %s, %s, 'transactional', '{}', 'placing', now(), now()) returning id", (BUSINESS, CUSTOMER),
        ).fetchall()  # fmt: skip
        facts = {"CallSid": CALL, "From": BUSINESS, "To": CUSTOMER, "Direction": "outbound-api"}
        events.apply(conn, [event("status", f"call_id={id_}", CallStatus="ringing", SequenceNumber="1", **facts)])
        assert conn.execute("select state, call_sid from placed_calls").fetchall() == [("placed", CALL)]


def test_the_locks_of_a_leg_and_its_call_are_taken_in_one_order(conn, module_database_url):
    """Who has the call makes who brings news of its leg wait, and does not wait for them."""
    with psycopg.connect(module_database_url) as one, psycopg.connect(module_database_url) as other:
        events.apply(conn, [event("call", answer="forward", CallStatus="ringing", **FACTS)])
        try:
            calls.lock(one, CALL)
            other.execute("set lock_timeout = '50ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                events.apply(other, [posted(Heard("leg", "in-progress", leg=1))])
            other.rollback()
            one.execute("set lock_timeout = '50ms'")
            one.execute("select 1 from calls where call_sid = %s for update", (sid_of(1),))
        finally:
            one.rollback()
            conn.execute("truncate calls, events, call_steps, notifications cascade")


@pytest.mark.parametrize(
    ("was_taken", "result", "decision"),
    [
        (True, "no-answer", "answered"),
        (True, "completed", "answered"),
        (False, "no-answer", "missed"),
        (False, "completed", "answered"),
    ],
)
def test_a_call_that_was_sent_on_is_missed_only_if_nobody_ever_took_it(conn, was_taken, result, decision):
    """A redirect ends the first `<Dial>` without its result: the phone that was rung then tells by its own leg."""
    leg = {"CallSid": sid_of(1), "ParentCallSid": CALL, "From": CUSTOMER, "To": OWNER, "Direction": "outbound-dial"}
    told = [
        event("call", answer="forward;step=1", CallStatus="ringing", **FACTS),
        event("status", CallStatus="in-progress" if was_taken else "ringing", SequenceNumber="1", **leg),
        event("status", CallStatus="completed" if was_taken else "canceled", SequenceNumber="2", **leg, **ENDS),
        event(
            "dial", "step=0&rec=0", answer="voicemail" if result == "no-answer" else "taken", CallStatus="in-progress",
            DialCallStatus=result, DialBridged=str(result == "completed").lower(), DialCallSid=sid_of(2), **FACTS,
        ),
        event("status", CallStatus="completed", **FACTS, **ENDS),
    ]  # fmt: skip
    assert {decision_of(after(conn, order)) for order in islice(permutations(told), 0, None, 5)} == {decision}
