"""Every request of the corpus through the worker's code into PostgreSQL."""

import itertools
import time

import psycopg
import pytest
from psycopg.types.json import Jsonb

from shared.db import numbers
from shared.domain import event_keys
from shared.domain.event import Event
from shared.domain.routing import Number, forwards
from tests import corpus
from workers import events

_serial = itertools.count(1)


@pytest.fixture(scope="module")
def conn(module_database_url):
    """One database for all: each request is rolled back."""
    with psycopg.connect(module_database_url, autocommit=True) as opened:
        numbers.put(opened, Number(corpus.BUSINESS, corpus.TENANT, forwards(corpus.OWNER)))
        yield opened


def event_of(payload):
    named = event_keys.name(payload.params, payload.door, payload.path, payload.token, payload.query)
    return Event(
        event_id=f"{next(_serial):032x}", key=named.key, kind=named.kind, account_sid=corpus.ACCOUNT_SID, sids=named.sids,
        path=payload.path, query=payload.query, content_type=payload.content_type, token=payload.token, body=payload.body,
        received_ns=time.time_ns(), answer=payload.answer,
    )  # fmt: skip


def begin_to_send(conn, event):
    """The text that the callback's URL names, as it is while Twilio's answer is awaited."""
    if message_id := event.query_params.get("message_id"):
        conn.execute(
            "insert into messages (id, direction, from_number, to_number, send_state) "
            "values (%s, 'outbound', '+14155550100', '+12125550142', 'sending')",
            (message_id,),
        )


@pytest.mark.parametrize("payload", corpus.payloads(), ids=lambda payload: payload.name)
def test_each_request_has_its_effect(conn, payload):
    event = event_of(payload)
    with conn.transaction(force_rollback=True):
        begin_to_send(conn, event)
        assert events.apply(conn, [event]) == {event.event_id: payload.outcome}
        for table, row in payload.rows:
            found = conn.execute(f"select to_jsonb(t) from {table} as t").fetchall()
            matching = conn.execute(
                f"select count(*) from {table} as t where to_jsonb(t) @> to_jsonb(jsonb_populate_record(null::{table}, %s))"
                " - (select array_agg(c) from jsonb_object_keys(to_jsonb(t)) as c where not %s ? c)",
                (Jsonb(row), Jsonb(row)),
            ).fetchone()
            assert matching == (1,), (table, row, found)


@pytest.mark.parametrize("payload", corpus.payloads(), ids=lambda payload: payload.name)
def test_each_request_told_twice_is_told_once(conn, payload):
    once, again = event_of(payload), event_of(payload)
    with conn.transaction(force_rollback=True):
        begin_to_send(conn, once)
        assert list(events.apply(conn, [once, again])) == [once.event_id]
        assert events.apply(conn, [again]) == {}
        stored = conn.execute("select kind, body, outcome from events").fetchall()
        assert stored == [(payload.kind, payload.body, payload.outcome)]
        assert conn.execute("select count(*) from event_conflicts").fetchone() == (0,)
