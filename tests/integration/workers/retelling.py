"""What tests of redriving and replaying do: things happen, an endpoint comes late, time passes for a replay."""

import time
from datetime import UTC, datetime, timedelta

from shared import replaying
from shared.db import endpoints, notifications
from shared.db.endpoints import Endpoint
from shared.db.notifications import Notice
from shared.db.replays import Wanted
from tests.integration.workers.conftest import SECRET, TENANT

LONG_AGO = datetime.now(UTC) - timedelta(hours=2)


def happen(world, keys, *, type_="call.status", tenant=TENANT, first=0):
    """One notification a key, a second apart from LONG_AGO on; their ids."""
    made = []
    for nth, key in enumerate(keys, first):
        notice = Notice(type=type_, subject=f"s{nth}", tenant_id=tenant, order_key=key, data={"nth": nth})
        with world.rt.db.connection() as conn:
            notifications.notify_all(conn, [notice])
            conn.execute(
                "update notifications set created_at = %s where id = %s", (LONG_AGO + timedelta(seconds=nth), notice.id)
            )
        made.append(str(notice.id))
    return made


def comes_late(world, id_="late", **facts):
    """An endpoint that was not there when things happened."""
    with world.rt.db.connection() as conn:
        values = {"types": [], "tenant_id": None, "enabled": True} | facts
        endpoints.put(conn, Endpoint(id_, f"{world.subscriber.url}/{id_}", "standard", SECRET, **values))


def wanted(endpoint_id="late", **facts):
    """All of the range, as fast as may be."""
    values = {
        "since": LONG_AGO, "until": LONG_AGO + timedelta(hours=1), "types": [], "tenant_id": None, "subject": None,
        "outcomes": ["failed", "missing"], "rate_per_s": 500.0,
    }  # fmt: skip
    return Wanted(endpoint_id=endpoint_id, **values | facts)


def start(world, *args, **facts):
    """A replay that has begun; its id."""
    with world.rt.db.connection() as conn:
        made, _ = replaying.start(conn, wanted(*args, **facts), actor="test")
    return made.id


def expand(world):
    """A run of every replay, long after the last one."""
    world.rows("update replays set free_at = 'epoch' returning id")
    world.rows("update jobs set next_at = now() where kind = 'replay.expand' and state = 'due' returning id")
    return world.work("replay.expand")


def finish(world, relay):
    """Runs and rounds until no replay has more to make or to end, and nothing is left that may go."""
    deadline = time.monotonic() + 45
    while world.one("select count(*) from jobs where kind = 'replay.expand' and state = 'due'"):
        assert time.monotonic() < deadline, world.rows("select * from replays")
        expand(world)
        relay.drain()
    relay.drain()


def told(world, path="/late"):
    """The webhook-ids that came to this path, as they came."""
    return [headers["webhook-id"] for at, headers, _ in world.subscriber.got if at == path]


def die(world, relay, count=1, endpoint_id="all"):
    """The next `count` requests are refused, and each is the last of its schedule."""
    world.subscriber.answers = [(422, {"why": "no"})] * count
    world.rows("update jobs set attempts = 20 where state = 'due' and group_key = %s returning id", endpoint_id)
    relay.drain()
    world.subscriber.answers = []
