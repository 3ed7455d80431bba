"""Who else comes to a public address: a flood of forgeries, and clients that never finish their request."""

import asyncio
import random
from dataclasses import replace

from ops.faultlab.traffic.lives import Draw, text
from ops.faultlab.traffic.sender import Sender

FORGERIES_PER_S = 500
SLOW_CLIENTS = 200
HALF = b"POST /api/webhooks/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nX-Slow: "


async def flood(sender: Sender, seed: int, account_sid: str, hold_s: float) -> None:
    """Forged texts at FORGERIES_PER_S, each another one: whichever of them is kept will be seen."""
    loop = asyncio.get_running_loop()
    began, sent = loop.time(), 0
    draw = Draw(seed, -1, account_sid)
    under_way: set[asyncio.Task[bool]] = set()
    while (elapsed := loop.time() - began) < hold_s:
        while sent < elapsed * FORGERIES_PER_S:
            task = asyncio.create_task(sender.deliver(replace(text(draw, 0.0), is_forged=True)))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            sent += 1
        await asyncio.sleep(0.01)
    await asyncio.gather(*under_way)


async def dawdle(host: str, port: int, hold_s: float) -> None:
    """SLOW_CLIENTS connections that send half a head, then a byte now and then, for `hold_s`."""
    clients = await asyncio.gather(*(_dawdler(host, port, hold_s) for _ in range(SLOW_CLIENTS)), return_exceptions=True)
    for fault in clients:
        if isinstance(fault, BaseException) and not isinstance(fault, OSError):
            raise fault


async def _dawdler(host: str, port: int, hold_s: float) -> None:
    _, writer = await asyncio.open_connection(host, port)
    until = asyncio.get_running_loop().time() + hold_s
    try:
        writer.write(HALF)
        while asyncio.get_running_loop().time() < until:
            await asyncio.sleep(random.uniform(0.5, 1.5))
            writer.write(b"x")
            await writer.drain()
    finally:
        writer.close()
