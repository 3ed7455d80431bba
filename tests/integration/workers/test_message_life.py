"""Twilio's words about one text, through the handlers and PostgreSQL: what `message_life` says in pure code."""

from dataclasses import replace
from itertools import combinations, count, islice, permutations

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from shared.db import message_steps, messages, numbers
from shared.domain.message_life import Life, Report, life
from shared.domain.routing import Number
from shared.domain.status import MESSAGE_RANK
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, TENANT, event
from workers import events, payloads
from workers.handlers.messages import catch_up

TEXT, MESSAGE = "SM" + "7" * 32, "8" * 8 + "-0000-4000-8000-" + "8" * 12
# "received" and "receiving" are what a customer's text is: as a status callback they never come.
REPORTED = [status for status in MESSAGE_RANK if not status.startswith("receiv")]
_serial = count(1)


@pytest.fixture(scope="module")
def conn(module_database_url):
    with psycopg.connect(module_database_url, autocommit=True) as opened:
        numbers.put(opened, Number(BUSINESS, TENANT))
        yield opened


def reported(status, query=f"message_id={MESSAGE}", **more):
    said = {name: value for name, value in more.items() if value is not None}
    return event("status", query, MessageSid=TEXT, MessageStatus=status, From=BUSINESS, To=CUSTOMER, **said)


def promised(conn, send_state="sending"):
    conn.execute("insert into messages (id, direction, from_number, to_number, send_state) "
                 "values (%s, 'outbound', %s, %s, %s)", (MESSAGE, BUSINESS, CUSTOMER, send_state))  # fmt: skip


def again(arrival):
    """Twilio's retry is an arrival of its own."""
    return replace(arrival, event_id=f"d{next(_serial):031x}")


def kept(conn):
    """The row as a Life, and the timeline of Twilio's words without the ids of its rows.

    What we did because of them is another matter: whether a text is sent again depends on what was known then.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            "select status, error_code, is_conflicted, segments, price, price_unit, carrier_done_at, messaging_service_sid "
            "from messages where id = %s", (MESSAGE,),
        ).fetchone()  # fmt: skip
    return Life(**row), [replace(step, id=0) for step in message_steps.of(conn, MESSAGE) if step.step != "retried"]


def ending(conn, arrivals, size=1):
    with conn.transaction(force_rollback=True):
        promised(conn)
        for at in range(0, len(arrivals), size):
            events.apply(conn, arrivals[at : at + size])
        return kept(conn)


def expected(arrivals):
    """By the pure rules; one of two callbacks with the same status and code is no new happening."""
    first = {arrival.key: arrival for arrival in reversed(arrivals)}.values()
    said = [(arrival.params["MessageStatus"], payloads.read(arrival)) for arrival in first]
    names = [name for name in Report.__slots__ if name != "status"]
    return life(Report(status=status, **{name: values[name] for name in names}) for status, values in said)


arrivals = st.lists(
    st.builds(
        reported,
        st.sampled_from([*REPORTED, "teleported"]),
        ErrorCode=st.sampled_from([None, "0", "30003", "30005", "30008"]),
        NumSegments=st.sampled_from([None, "1", "3"]),
        Price=st.sampled_from([None, "-0.0079", "-0.01580"]),
        PriceUnit=st.sampled_from([None, "USD", "EUR"]),
        RawDlrDoneDate=st.sampled_from([None, "2603011422", "0801011200"]),
        MessagingServiceSid=st.sampled_from([None, "MG" + "1" * 32]),
    ),
    min_size=1, max_size=6, unique_by=lambda arrival: arrival.key,
)  # fmt: skip


def test_the_rows_say_what_the_pure_rules_say_in_any_order_doubling_and_batches(conn):
    @settings(max_examples=120, deadline=None, suppress_health_check=[*HealthCheck])
    @given(st.data(), arrivals, st.integers(1, 4))
    def holds(data, heard, size):
        once = ending(conn, heard)
        assert once[0] == expected(heard)
        mixed = data.draw(st.permutations([*heard, *map(again, heard)]))
        assert ending(conn, mixed, size) == once

    holds()


@pytest.mark.parametrize("pair", [*combinations(REPORTED, 2)], ids="-".join)
def test_every_two_statuses_end_the_same_in_both_orders(conn, pair):
    codes = dict(zip(pair, ("30003", "30007"), strict=True))
    heard = [
        reported(status, ErrorCode=codes[status] if status in ("failed", "undelivered") else None) for status in pair
    ]
    endings = [ending(conn, [*order, *map(again, order)]) for order in permutations(heard)]
    assert endings[0] == endings[1]
    assert endings[0][0] == expected(heard)


def test_a_contradicted_life_ends_the_same_in_all_120_orders(conn):
    heard = [reported("sent", ErrorCode="30008"), reported("undelivered", ErrorCode="30003", RawDlrDoneDate="2603011422"),
             reported("failed", ErrorCode="30007"), reported("delivered", Price="-0.0079", PriceUnit="USD"),
             reported("teleported")]  # fmt: skip
    endings = [ending(conn, list(order)) for order in permutations(heard)]
    assert all(one == endings[0] for one in endings)
    final, steps = endings[0]
    assert (final.status, final.error_code, final.is_conflicted) == ("delivered", None, True)
    assert [(step.step, step.status, step.error_code) for step in steps if step.step == "status"] == [
        ("status", "sent", 30008), ("status", "undelivered", 30003), ("status", "failed", 30007),
        ("status", "delivered", None), ("status", "teleported", None),
    ]  # fmt: skip
    (conflict,) = [step for step in steps if step.step == "conflict"]
    assert conflict.detail == {"outcomes": ["delivered", "failed", "undelivered"]}
    assert conflict.at == next(step.at for step in steps if step.status == "failed")


def test_only_the_report_that_contradicts_says_so(conn):
    heard = [reported("delivered"), reported("failed", ErrorCode="30007"), reported("failed", ErrorCode="30008")]
    with conn.transaction(force_rollback=True):
        promised(conn)
        outcomes = [next(iter(events.apply(conn, [one]).values())) for one in heard]
    assert outcomes == ["applied", "conflicted", "stale"]


@pytest.mark.parametrize("given_up", ["refused", "canceled", "parked", "unknown"])
def test_a_callback_proves_a_text_that_we_had_given_up(conn, given_up):
    with conn.transaction(force_rollback=True):
        promised(conn)
        if given_up == "refused":
            messages.mark_refused(conn, MESSAGE, code=21211, reason="refused_21211")
        else:
            conn.execute("update messages set send_state = %s", (given_up,))
        assert list(events.apply(conn, [reported("sent")]).values()) == ["applied"]
        message = messages.find(conn, MESSAGE)
    assert (message.send_state, message.status, message.message_sid) == ("handed", "sent", TEXT)
    assert (message.error_code, message.error_reason) == (None, None)


@pytest.mark.parametrize(
    ("send_state", "state"), [("refused", "failed"), ("canceled", "canceled"), ("parked", "queued")]
)
def test_a_text_that_twilio_never_had_has_a_state_and_no_status(conn, send_state, state):
    with conn.transaction(force_rollback=True):
        promised(conn, send_state)
        message = messages.find(conn, MESSAGE)
    assert (message.status, message.state) == (None, state)


def test_a_report_of_a_text_that_nobody_knew_is_applied_when_twilios_answer_makes_it_known(conn):
    with conn.transaction(force_rollback=True):
        promised(conn)
        early = reported("delivered", query="", Price="-0.0079")
        assert list(events.apply(conn, [early]).values()) == ["unknown_message"]
        messages.mark_handed(conn, MESSAGE, message_sid=TEXT, account_sid="AC", status="queued", segments=1)
        catch_up(conn, TEXT)
        assert conn.execute("select outcome from events").fetchall() == [("applied",)]
        final, steps = kept(conn)
        told = conn.execute("select type from notifications").fetchall()
    assert (final.status, str(final.price), final.segments) == ("delivered", "-0.007900", 1)
    assert {step.status for step in steps} == {"queued", "delivered"}
    assert told == [("sms.delivered",)]


@pytest.mark.parametrize("size", [1, 3])
def test_a_callback_that_names_the_text_brings_those_along_that_did_not(conn, size):
    heard = [reported("sent", query=""), reported("delivered"), reported("sending", query="")]
    first, *others = (ending(conn, list(order), size) for order in permutations(heard))
    assert all(one == first for one in others)
    assert {step.status for step in first[1]} == {"sending", "sent", "delivered"}


def test_what_was_said_of_a_text_in_one_batch_is_marked_as_applied(conn):
    with conn.transaction(force_rollback=True):
        promised(conn)
        events.apply(conn, [reported("sent", query=""), reported("delivered")])
        outcomes = conn.execute("select outcome from events order by key").fetchall()
    assert outcomes == [("applied",), ("applied",)]


def test_a_report_and_the_answer_that_makes_its_text_known_do_not_miss_each_other(conn, module_database_url):
    """The answer is being recorded, and not committed, when the report comes in: the report waits for it."""
    promised(conn)
    try:
        with psycopg.connect(module_database_url) as answer, psycopg.connect(module_database_url) as report:
            messages.mark_handed(answer, MESSAGE, message_sid=TEXT, account_sid="AC", status="queued")
            catch_up(answer, TEXT)
            report.execute("set lock_timeout = '50ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                events.apply(report, [reported("delivered", query="")])
            report.rollback()
            answer.commit()
            assert list(events.apply(report, [reported("delivered", query="")]).values()) == ["applied"]
            report.rollback()
    finally:
        conn.execute("delete from messages where id = %s", (MESSAGE,))


def test_a_carriers_receipt_from_before_the_text_is_kept_as_it_is(conn):
    final, _ = ending(conn, [reported("delivered", RawDlrDoneDate="0801011200")])
    assert final.carrier_done_at.isoformat()[:16] == "2008-01-01T12:00"


def test_long_lives_end_the_same_in_many_orders(conn):
    heard = [reported(status, ErrorCode="30008" if status == "failed" else None) for status in REPORTED]
    orders = [*islice(permutations(heard), 12), heard[::-1], heard[5:] + heard[:5]]
    endings = [ending(conn, list(order), 3) for order in orders]
    assert all(one == endings[0] for one in endings)
    assert endings[0][0].status == "read"


class Counting(psycopg.Cursor):
    """Notes every statement."""

    asked = 0

    def execute(self, *args, **kwargs):
        Counting.asked += 1
        return super().execute(*args, **kwargs)


@pytest.mark.parametrize("texts", [1, 20])
def test_reports_of_many_texts_cost_the_statements_of_one(conn, monkeypatch, texts):
    monkeypatch.setattr(conn, "cursor_factory", Counting)
    with conn.transaction(force_rollback=True):
        sids = [f"SM{number:032x}" for number in range(texts)]
        for sid in sids:
            conn.execute("insert into messages (message_sid, direction, from_number, to_number, send_state) "
                         "values (%s, 'outbound', %s, %s, 'handed')", (sid, BUSINESS, CUSTOMER))  # fmt: skip
        Counting.asked = 0
        outcomes = events.apply(conn, [event("status", MessageSid=sid, MessageStatus="delivered") for sid in sids])
        assert set(outcomes.values()) == {"applied"}
        assert len(outcomes) == texts
        # Its turn, the events, their ends; and of the reports the steps, the texts, the notifications.
        assert Counting.asked == 6
