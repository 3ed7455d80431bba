"""Knows what a check is: a story that comes true within its time, or says how far it got."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, perf_counter, sleep
from typing import TypeVar

POLL_S = 0.05

# A story's step takes milliseconds on an idle machine. This is for a loaded one: long enough for a worker's first
# second, short enough that a person still waits for the answer.
DEADLINE_S = 15.0

T = TypeVar("T")


@dataclass(frozen=True)
class Check:
    """One story and whether it came true. `detail` is a line for people: figures when it did, what was seen when not."""

    name: str
    ok: bool
    took_ms: int
    detail: str


class NotYet(Exception):
    """A fact is not so; the text says what was seen instead. `until` goes on asking, elsewhere it ends the story."""


def need(fact: object, seen: str) -> None:
    """Raises NotYet(seen) unless `fact` holds."""
    if not fact:
        raise NotYet(seen)


def until(fact: Callable[[], T], what: str, deadline_s: float = DEADLINE_S) -> T:
    """What `fact` gives as soon as it no longer raises NotYet. Raises NotYet with the last thing seen."""
    give_up_at = monotonic() + deadline_s
    while True:
        try:
            return fact()
        except NotYet as seen:
            if monotonic() >= give_up_at:
                raise NotYet(f"{what}: not within {deadline_s:g} s, last seen: {seen}") from None
        sleep(POLL_S)


def told(name: str, story: Callable[[], str]) -> Check:
    """Run a story. Whatever goes wrong in it becomes a failed check: one story must not hide the others."""
    before = perf_counter()
    try:
        ok, detail = True, story()
    except NotYet as seen:
        ok, detail = False, str(seen)
    except Exception as error:  # noqa: BLE001
        ok, detail = False, f"{type(error).__name__}: {error}"
    return Check(name, ok, round((perf_counter() - before) * 1000), detail)
