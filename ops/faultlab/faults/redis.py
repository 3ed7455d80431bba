"""Redis dies, freezes, is slow, forgets, is full, loses its last second, or finds rubbish in its file."""

import contextlib
import signal
import threading
from random import Random
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from ops.faultlab.faults.fault import Fault, Heal, Lab, Target
from ops.faultlab.keeper import send

START_WITHIN_S = 5.0  # of a server that can read its files
SLOW_MS, QUICK_MS = 60, 40  # the pulse of a slow server: away, then there


def _kill(lab: Lab, _dice: Random) -> Heal:
    lab.house.keeper.down("redis")
    return lambda: lab.house.keeper.up("redis")


def _freeze(lab: Lab, _dice: Random) -> Heal:
    lab.house.keeper.signal("redis", signal.SIGSTOP)
    return lambda: lab.house.keeper.signal("redis", signal.SIGCONT)


def _slow(lab: Lab, _dice: Random) -> Heal:
    """Stopped and let go many times a second, which any server and any user can have (DEBUG SLEEP needs permission)."""
    pid, over = lab.house.keeper.pid("redis"), threading.Event()

    def pulse() -> None:
        while not over.is_set():
            send(pid, signal.SIGSTOP)
            over.wait(SLOW_MS / 1000)
            send(pid, signal.SIGCONT)
            over.wait(QUICK_MS / 1000)

    thread = threading.Thread(target=pulse, name="slow-redis", daemon=True)
    thread.start()

    def heal() -> None:
        over.set()
        thread.join()

    return heal


def _power_cut(lab: Lab, _dice: Random) -> Heal:
    lab.house.keeper.down("redis")
    lab.aof.cut()
    return lambda: _up_somehow(lab)


def _rubbish(lab: Lab, dice: Random) -> Heal:
    lab.house.keeper.down("redis")
    lab.aof.spoil(dice.choice([b"*3\r\n$4\r\nHSET\r\n$8\r\nts:in", dice.randbytes(64)]))
    return lambda: _up_somehow(lab)


def _up_somehow(lab: Lab) -> None:
    """As an operator would: what it cannot read is set aside, and it starts empty."""
    keeper = lab.house.keeper
    keeper.up("redis")
    if keeper.wait(lambda: _still_loading(lab), START_WITHIN_S):
        keeper.down("redis")
        lab.aof.set_aside()
        keeper.up("redis")


def _still_loading(lab: Lab) -> str:
    """PING alone says little: some servers answer it while they load, and stop at the rubbish a moment later."""
    try:
        with _client(lab) as client:
            persistence = cast("dict[str, int]", client.info("persistence"))
    except RedisError as fault:
        return f"no answer ({type(fault).__name__})"
    return "it loads" if persistence["loading"] or persistence.get("async_loading") else ""


def flush(lab: Lab, _dice: Random) -> Heal:
    with _client(lab) as client:
        client.flushall()
    return lambda: None


def _full(lab: Lab, _dice: Random) -> Heal:
    with _client(lab) as client:
        client.config_set("maxmemory", "1")

    def heal() -> None:
        # It may have been killed meanwhile: a new one has its memory back anyway.
        with contextlib.suppress(RedisError), _client(lab) as client:
            client.config_set("maxmemory", "0")

    return heal


def _client(lab: Lab) -> Redis:
    return Redis.from_url(lab.house.env["TS_REDIS_URL"], socket_timeout=5)


REDIS: frozenset[Target] = frozenset({"redis"})
FAULTS = (
    Fault("redis-kill", REDIS, (0.3, 2.0, 8.0), _kill, hides=REDIS),
    Fault("redis-freeze", REDIS, (4.0,), _freeze, hides=REDIS),
    Fault("redis-freeze-long", REDIS, (30.0,), _freeze, hides=REDIS),
    Fault("redis-slow", REDIS, (4.0,), _slow, hides=REDIS),
    Fault("redis-power-cut", REDIS, (1.0,), _power_cut, hides=REDIS, forgets=True),
    Fault("redis-rubbish", REDIS, (1.0,), _rubbish, hides=REDIS, forgets=True),
    Fault("redis-flushall", REDIS, (0.1,), flush, hides=REDIS, forgets=True),
    Fault("redis-full", REDIS, (4.0,), _full, hides=REDIS),
)
