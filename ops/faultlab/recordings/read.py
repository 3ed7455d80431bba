"""Reads what is there in the end, with SQL and requests of its own, and waits until there is nothing more to come."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import psycopg
import requests

from ops.faultlab import twilio
from ops.faultlab.found import Notice
from ops.faultlab.house import House
from ops.faultlab.recordings.house import SUBSCRIBER, Keeping
from ops.faultlab.recordings.told import Audited, Brought, Case, Deletion, Heard, Kept, Lying, Made, Planted, Wished

# What the house fetches: WAV, of two channels where there are two.
FORMAT: Final = "wav"
WITHIN_S: Final = 60.0


def case(keeping: Keeping, history: Path, verified: Sequence[str], owed: str) -> Case:
    """All of it."""
    house, told = keeping.house, witnessed(history)
    with psycopg.connect(house.env["TS_DATABASE_URL"]) as conn:
        return Case(
            brought=told["place"],
            wished=told["what"],
            planted=told["damaged"],
            heard=_expecting(house, told["heard"]),
            made=made(house),
            kept=_kept(conn),
            lying=_lying(keeping),
            deletions=_deletions(conn),
            notices=_notices(house),
            audited=[Audited(*row) for row in conn.execute(
                "select action, subject, purpose from audit where purpose is not null")],
            alarmed=[sid for sid, in conn.execute(
                "select distinct resource_sid from alerts where source = 'recording-damaged'")],
            released=[sid for sid, in conn.execute("select recording_sid from recording_receipts where place = 'twilio'")],
            verified=verified,
            uploads=uploads(keeping),
            owed=owed,
        )  # fmt: skip


def witnessed(path: Path) -> dict[str, list[Any]]:
    """What people have written down, by the name of a field that only one kind of it has."""
    kinds: dict[str, type] = {"place": Brought, "what": Wished, "damaged": Planted, "heard": Heard}
    found: dict[str, list[Any]] = {name: [] for name in kinds}
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        name = next(name for name in kinds if name in entry)
        found[name].append(kinds[name](**entry))
    return found


def made(house: House) -> list[Made]:
    """The ledger of the simulator."""
    return [
        Made(
            line["sid"], line["status"], line["sha256"].get(f"{FORMAT}/{line['channels']}", ""),
            int((line["deleted_s"] or 0) * 1e9), line["elsewhere_with_credentials"],
        )
        for line in twilio.ledger(house.env["TS_SIMULATOR_URL"], "media")
    ]  # fmt: skip


def uploads(keeping: Keeping) -> list[str]:
    """Keys of what is begun in the store and not ended."""
    answer = keeping.store.client().list_multipart_uploads(Bucket=keeping.store.name)
    return [each["Key"] for each in answer.get("Uploads", [])]


def _expecting(house: House, heard: Sequence[Heard]) -> list[Heard]:
    """With the digest of each range that was heard, of Twilio's sound."""
    sounds: dict[str, bytes] = {}

    def expected(one: Heard) -> str:
        if one.heard not in sounds:
            at = f"{house.env['TS_SIMULATOR_URL']}/sim/recordings/{one.heard}.wav"
            sounds[one.heard] = requests.get(at, timeout=WITHIN_S).content
        return sha256(sounds[one.heard][one.first : one.last + 1]).hexdigest()

    # One after the other of a recording, so that few sounds are in memory.
    ranges = sorted((one for one in heard if one.status == requests.codes.partial), key=lambda one: one.heard)
    found = []
    for one in ranges:
        found.append(replace(one, expected=expected(one)))
        sounds = {one.heard: sounds[one.heard]}
    return [one for one in heard if one.status != requests.codes.partial] + found


def _kept(conn: psycopg.Connection) -> list[Kept]:
    rows = conn.execute(
        """
        select recording_sid, state, coalesce(encode(sha256, 'hex'), ''), coalesce(object_key, ''), copy, coalesce(damage, ''),
               announced_at, available_at, fetched_at, verified_at, stored_at, provider_deleted_at, deleted_at
          from recordings
        """
    ).fetchall()
    names = ("announced", "available", "fetched", "verified", "stored", "provider-deleted", "deleted")
    return [
        Kept(sid, state, sha256_, key, copy, damage, dict(zip(names, map(_ns, times), strict=True)))
        for sid, state, sha256_, key, copy, damage, *times in rows
    ]


def _deletions(conn: psycopg.Connection) -> list[Deletion]:
    receipts: dict[str, list[str]] = {}
    for sid, place in conn.execute("select recording_sid, place from recording_receipts"):
        receipts.setdefault(sid, []).append(place)
    rows = conn.execute("select recording_sid, asked_at, begun_at, done_at from recording_deletions")
    return [Deletion(sid, _ns(asked), _ns(begun), _ns(done), receipts.get(sid, ())) for sid, asked, begun, done in rows]


def _lying(keeping: Keeping) -> list[Lying]:
    client, found = keeping.store.client(), []
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=keeping.store.name):
        for each in page.get("Contents", []):
            content = client.get_object(Bucket=keeping.store.name, Key=each["Key"])["Body"].read()
            found.append(Lying(each["Key"], sha256(content).hexdigest(), _ns(each["LastModified"])))
    return found


def _notices(house: House) -> list[Notice]:
    at = f"{house.env['TS_STANDINS_URL']}/standin/subscriber/{SUBSCRIBER}"
    received = requests.get(at, timeout=WITHIN_S).json()["received"]
    return [
        Notice(
            SUBSCRIBER, it["id"], it["type"], str(it["data"]["recording_sid"]), it["attempts"], 1 + it["changes"],
            it["verified"],
        )
        for it in received
    ]  # fmt: skip


def _ns(at: datetime | None) -> int:
    return int(at.timestamp() * 1e9) if at else 0
