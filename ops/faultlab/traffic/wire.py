"""HTTP/1.1 over kept connections, small enough to know exactly when an answer was complete and when none came."""

import asyncio
from collections.abc import Mapping

CONNECT_S, READ_S = 2.0, 4.0  # what the URLs we hand out ask of Twilio: ct=2000, rt=4000
KEPT = 100  # idle connections


class NoAnswer(Exception):
    """Refused, reset, too late or cut short: what became of the request is not known."""


class Wire:
    """Connections to one host."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of a complete answer. Raises NoAnswer."""
        reader, writer = await self._connection()
        try:
            writer.write(_request(f"{self._host}:{self._port}", path, headers, body))
            status, is_kept = await asyncio.wait_for(_answer(reader), READ_S)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as fault:
            writer.close()
            raise NoAnswer(type(fault).__name__) from fault
        if is_kept and len(self._idle) < KEPT:
            self._idle.append((reader, writer))
        else:
            writer.close()
        return status

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        try:
            return await asyncio.wait_for(asyncio.open_connection(self._host, self._port), CONNECT_S)
        except OSError as fault:  # TimeoutError is one
            raise NoAnswer(type(fault).__name__) from fault


def _request(host: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Status, and whether the connection may be used again. Raises EOFError (IncompleteReadError) and ValueError."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ")[1])
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    if "chunked" in fields.get("transfer-encoding", ""):
        await _chunks(reader)
    elif status != 204:
        await reader.readexactly(int(fields.get("content-length", "0")))
    return status, fields.get("connection", "").lower() != "close"


async def _chunks(reader: asyncio.StreamReader) -> None:
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        await reader.readexactly(size + 2)
    await reader.readuntil(b"\r\n")
