"""Sends letters in time, repeats what got no answer, and writes down every try."""

import asyncio
import time

from ops.faultlab.history import Try, Writer, outcome_of
from ops.faultlab.traffic.letter import Letter
from ops.faultlab.traffic.wire import NoAnswer, Wire

RETRIES = (
    3  # rc=3&rp=all: after a 5xx, a timeout, a reset; Twilio's rp=all also repeats a 4xx, which tells us nothing new
)


class Sender:
    """Open loop: a letter leaves when its time has come, whatever has become of those before it."""

    def __init__(self, wire: Wire, writer: Writer, base_url: str, auth_token: str) -> None:
        self._wire, self._writer, self._base_url, self._auth_token = wire, writer, base_url, auth_token
        self._ops = 0

    async def live(self, letters: list[Letter], began: float) -> None:
        """Sends a life's letters, the first of which is at `began` (the loop's time)."""
        first, *rest = letters
        if await self._deliver_at(first, began):
            # A call that could not begin does not go on.
            await asyncio.gather(*(self._deliver_at(letter, began) for letter in rest))

    async def deliver(self, letter: Letter) -> bool:
        """Until a complete answer below 500, at most 1 + RETRIES times. True if it was a 2xx."""
        self._ops += 1
        op, headers = self._ops, letter.headers(self._base_url, self._auth_token)
        for attempt in range(1, RETRIES + 2):
            entry = await self._try(op, attempt, letter, headers)
            if entry.outcome != "info":
                return entry.outcome == "ok"
        return False

    async def _deliver_at(self, letter: Letter, began: float) -> bool:
        await asyncio.sleep(max(0.0, began + letter.at_s - asyncio.get_running_loop().time()))
        return await self.deliver(letter)

    async def _try(self, op: int, attempt: int, letter: Letter, headers: dict[str, str]) -> Try:
        sent_ns = time.time_ns()
        try:
            status = await self._wire.post(letter.path, headers, letter.content)
        except NoAnswer:
            status = None
        entry = Try(
            op, attempt, letter.kind, letter.key, letter.token, letter.body_sha256, sent_ns, time.time_ns(),
            outcome_of(status), status, letter.is_forged, letter.poison, letter.facts,
        )  # fmt: skip
        self._writer.add(entry)
        return entry
