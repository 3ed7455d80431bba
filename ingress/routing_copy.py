"""The last good copy of all numbers, for whoever starts while PostgreSQL is away: a file on this host, and a key in Redis.

Both hold the same bytes: a head that says how they are laid out, when they were true and what they must hash to, and behind
it one line a number. What does not read back whole is not used.
"""

import contextlib
import json
import os
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from redis import Redis
from redis.exceptions import RedisError

from shared import log
from shared.domain.routing import Number, Routing, document, of
from shared.journal.writer import sync_folder

_T = TypeVar("_T")
KEY: Final = "ts:routing"
_NAME: Final = "twilio-server-routing"
_LAYOUT: Final = 1  # of another release's nothing is assumed
_HEAD_BYTES: Final = len(_NAME) + len(f" {_LAYOUT:03} {0:016} {'0' * 64}\n")
# Ten thousand numbers are 7 MB of text, half a megabyte packed; the quickest level packs them in a few hundredths of a second.
_LEVEL: Final = 1
_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Torn(Exception):
    """Not a whole copy of this release. The text says why."""


class Head(NamedTuple):
    """What a copy says of itself: when it was true (us since 1970), and the hash of its lines."""

    taken_us: int
    digest: str


@dataclass(frozen=True, slots=True)
class Copy:
    """All numbers as of a moment."""

    head: Head
    numbers: dict[str, Number]


def line(number: Number) -> bytes:
    """One number, as a copy holds it."""
    told = [number.phone_number, number.tenant_id, number.version, number.status, document(number.routing)]
    return _compact(told).encode("utf-8", "replace")


def packed(lines: Mapping[str, bytes], taken_us: int) -> tuple[Head, bytes]:
    """The whole copy. `lines` by phone number."""
    content = b"\n".join(lines[name] for name in sorted(lines))
    head = Head(taken_us, sha256(content).hexdigest())
    return head, _headline(head) + zlib.compress(content, _LEVEL)


def head_of(data: bytes) -> Head:
    """Read from the beginning of a copy. Raises Torn."""
    try:
        name, layout, taken_us, digest = data[:_HEAD_BYTES].decode("ascii").removesuffix("\n").split(" ")
        if name != _NAME or int(layout) != _LAYOUT:
            raise Torn(f"layout {layout[:8]}")
        return Head(int(taken_us), digest)
    except ValueError as fault:
        raise Torn("no head") from fault


def unpacked(data: bytes) -> Copy:
    """The copy in these bytes; a number whose document cannot be read gets the default one. Raises Torn."""
    head = head_of(data)
    try:
        content = zlib.decompress(data[_HEAD_BYTES:])
    except zlib.error as fault:
        raise Torn("cut off") from fault
    if sha256(content).hexdigest() != head.digest:
        raise Torn("changed")
    try:
        return Copy(head, {number.phone_number: number for number in _numbers(content.split(b"\n"))})
    except (ValueError, TypeError) as fault:
        raise Torn("not numbers") from fault


def _numbers(lines: Iterable[bytes]) -> Iterable[Number]:
    for each in filter(None, lines):
        phone_number, tenant_id, version, status, stored = json.loads(each)
        try:
            routing = of(stored)
        except ValueError:  # the checksum is right: another release has written what this one cannot read
            routing = Routing()
        yield Number(phone_number, tenant_id, routing, version, status)


def _headline(head: Head) -> bytes:
    return f"{_NAME} {_LAYOUT:03} {head.taken_us:016} {head.digest}\n".encode("ascii")


class _Complaints:
    """Says why a copy is of no use: once, until it is of use again. Where there is none, there is nothing to say."""

    def __init__(self, source: str) -> None:
        self._source, self._said = source, ""

    def usable(self, ask: Callable[[], _T]) -> _T | None:
        """What `ask` finds, if it can be used."""
        try:
            found = ask()
        except FileNotFoundError:
            return None
        except Torn as fault:
            self.say(str(fault))
            return None
        except (OSError, RedisError) as fault:
            self.say(type(fault).__name__)
            return None
        self._said = ""
        return found

    def say(self, reason: str) -> None:
        """Logs what is wrong with the copy; "": nothing any more."""
        was, self._said = self._said, reason
        if reason and reason != was:
            log.get().warning("routing_copy_ignored", source=self._source, reason=reason)


class FileCopy:
    """The copy on this host's disk. Any number of processes may write it: each writes the whole, and renames."""

    source: Final = "file"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._complaints, self._unwritten = _Complaints(self.source), _Complaints(self.source)

    def head(self) -> Head | None:
        """Of what lies there; None: nothing that can be used, and the log says why."""
        return self._complaints.usable(lambda: head_of(self._begin()))

    def read(self) -> Copy | None:
        """All of it; None as for `head`."""
        return self._complaints.usable(lambda: unpacked(self._path.read_bytes()))

    def write(self, data: bytes) -> bool:
        """Whether it lies on the disk now, whole: a crash leaves the one before."""
        other = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(other, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            other.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as fault:
            self._unwritten.say(type(fault).__name__)
            with contextlib.suppress(OSError):
                other.unlink()
            return False
        self._unwritten.say("")
        return True

    def _begin(self) -> bytes:
        with self._path.open("rb") as file:
            return file.read(_HEAD_BYTES)


class RedisCopy:
    """The copy in Redis, for a host that has none of its own. The client's timeout is how long each question may take."""

    source: Final = "redis"

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._complaints, self._unwritten = _Complaints(self.source), _Complaints(self.source)

    def head(self) -> Head | None:
        """As FileCopy's."""
        return self._complaints.usable(lambda: head_of(_bytes(self._redis.getrange(KEY, 0, _HEAD_BYTES - 1))))

    def read(self) -> Copy | None:
        """As FileCopy's."""
        return self._complaints.usable(lambda: unpacked(_bytes(self._redis.get(KEY))))

    def write(self, data: bytes) -> bool:
        """Whether Redis has it."""
        try:
            self._redis.set(KEY, data)
        except RedisError as fault:
            self._unwritten.say(type(fault).__name__)
            return False
        self._unwritten.say("")
        return True


def _bytes(answer: object) -> bytes:
    if not isinstance(answer, bytes) or not answer:
        raise FileNotFoundError(KEY)
    return answer
