"""Damage to what is stored, as a disk does it, or a hand that slips: behind everybody's back."""

import time
from collections.abc import Sequence
from random import Random
from typing import Any, Final, get_args

from ops.faultlab.recordings.told import Damage, Planted

KINDS: Final[Sequence[Damage]] = get_args(Damage)


def plant(store: Any, bucket: str, sid: str, kind: Damage, *, is_quiet: bool = False) -> Planted | None:
    """Damages the newest object of a recording; None if there is none. Raises what boto3 raises."""
    key = _newest(store, bucket, sid)
    if not key:
        return None
    if kind == "missing":
        store.delete_object(Bucket=bucket, Key=key)
    else:
        content = store.get_object(Bucket=bucket, Key=key)["Body"].read()
        store.put_object(Bucket=bucket, Key=key, Body=spoilt(content, kind, Random(key)))
    return Planted(sid, key, kind, time.time_ns(), is_quiet)


def spoilt(content: bytes, kind: Damage, dice: Random) -> bytes:
    """One bit of it is another, or its second half is missing."""
    if kind == "truncate":
        return content[: len(content) // 2]
    place = dice.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << dice.randrange(8)]) + content[place + 1 :]


def _newest(store: Any, bucket: str, sid: str) -> str:
    """The newest copy has the longest name, or the only one: `SID.wav`, `SID.2.wav`."""
    pages = store.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="recordings/")
    keys = [each["Key"] for page in pages for each in page.get("Contents", []) if sid in each["Key"]]
    return max(keys, key=lambda key: (len(key), key), default="")
