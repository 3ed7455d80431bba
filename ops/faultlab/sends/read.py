"""Reads what is there in the end, with SQL and requests of its own, and waits until there is nothing more to come."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, LiteralString

import psycopg

from ops.faultlab import twilio
from ops.faultlab.final_read import owed_by_real
from ops.faultlab.house import House
from ops.faultlab.sends.told import Asked, Stopped, Taken, Text

OURS: Final[LiteralString] = """
    with recursive texts as (
        select messages.*, coalesce(idempotency_key, '') as key from messages
         where direction = 'outbound' and retry_of is null
        union all
        select messages.*, texts.key from texts join messages on messages.retry_of = texts.id)
    select id::text, key, from_number, to_number, body, send_state, coalesce(message_sid, ''),
           coalesce(error_reason, error_code::text, case when retry_of is not null then 'not lost' end, ''),
           coalesce(status, ''), coalesce(retry_of::text, '')
      from texts
"""
NAIVE: Final[LiteralString] = """
    select id::text, key, sender, to_number, body, state, coalesce(sid, ''), '', coalesce(status, '') from naive_texts
"""


def owed(house: House) -> Callable[[], str]:
    """A question for `Keeper.wait`: what was asked for, or has been promised, and is still under way; "" for nothing."""
    return owed_by_real(house, queue="sms.jobs")


def witnessed(path: Path) -> tuple[list[Asked], list[Stopped]]:
    """What the asking side has written down."""
    told = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Asked(**it) for it in told if "key" in it], [Stopped(**it) for it in told if "person" in it]


def known(house: House, stops: Sequence[Stopped]) -> list[Stopped]:
    """These, with the time at which the text that says it was stored: what follows from it commits with it."""
    with psycopg.connect(house.env["TS_DATABASE_URL"]) as conn:
        rows = conn.execute(
            """
            select from_number, to_number, (extract(epoch from min(created_at)) * 1000000)::bigint
              from messages where direction = 'inbound' group by 1, 2
            """
        ).fetchall()
    at_ns = {(person, sender): micros * 1000 for person, sender, micros in rows}
    return [replace(stop, known_ns=at_ns.get((stop.person, stop.sender), 0)) for stop in stops]


def texts(house: House, query: LiteralString) -> list[Text]:
    """Every outgoing text of a database."""
    with psycopg.connect(house.env["TS_DATABASE_URL"]) as conn:
        return [Text(*row) for row in conn.execute(query).fetchall()]


def ledger(house: House) -> list[Taken]:
    """Every message that the simulator took."""
    at = house.env["TS_SIMULATOR_URL"]
    messages = twilio.shown(at, "messages")["data"]
    status = {message["sid"]: message["status"] for message in messages}
    return [
        Taken(line["sid"], line["message_id"], line["from"], line["to"], line["body_sha256"], line["segments"],
              int(line["arrived_s"] * 1e9), status[line["sid"]],
              line["answer"] == "given" and line["http_status"] == 201)
        for line in twilio.ledger(at)
        if line["sid"]
    ]  # fmt: skip
