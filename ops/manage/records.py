"""A stored event as an operator may see it: what it is called, how old and how large, never what it says."""

import hashlib
import json
import time
from typing import Any

import click

from ops.manage.context import spelled
from shared.domain.event import Event, from_record
from shared.domain.phone import scrubbed
from shared.errors import Unreadable

reveal_option = click.option("--reveal", is_flag=True, help="Also show what was posted: personal data.")


def readable(record: bytes) -> Event | None:
    """The event in a record, or None: it is damaged, no event, or this code cannot read it."""
    try:
        return from_record(record)
    except Unreadable:
        return None


def named(record: bytes) -> dict[str, Any]:
    """Key, kind and age in seconds, as far as the record can be read."""
    event = readable(record)
    if event is None:
        return {"key": None, "kind": "unreadable", "age_s": None}
    return {"key": scrubbed(event.key), "kind": event.kind, "age_s": round(time.time() - event.received_ns / 1e9, 1)}


def described(record: bytes) -> dict[str, Any]:
    """All that can be said of a record without telling what it says."""
    event = readable(record)
    told: dict[str, Any] = {
        **named(record), "record_bytes": len(record), "record_sha256": hashlib.sha256(record).hexdigest(),
    }  # fmt: skip
    if event is None:
        return told
    return told | {
        "received_at": event.received_at.isoformat(), "account_sid": event.account_sid, "sids": list(event.sids),
        "path": event.path, "content_type": event.content_type, "token": event.token, "answer": event.answer,
        "provenance": event.provenance, "body_bytes": len(event.body),
    }  # fmt: skip


def revealed(record: bytes) -> dict[str, str]:
    """What was posted, said aloud to be personal."""
    click.echo("this shows personal data: do not paste it anywhere", err=True)
    event = readable(record)
    if event is None:
        return {"record": record.decode("utf-8", "backslashreplace")}
    return {"query": event.query, "body": event.body.decode("utf-8", "backslashreplace")}


def show_one(facts: dict[str, Any], *, as_json: bool) -> None:
    """One thing: a line a fact, or an object."""
    if as_json:
        click.echo(json.dumps(facts, default=str, indent=2))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name.ljust(width)}  {spelled(value)}")
