"""Carries out a schedule: begins each fault in its moment, heals it after its time, and marks when it really was."""

import time
from collections.abc import Callable, Mapping, Sequence
from random import Random

from ops.faultlab.faults import ALL
from ops.faultlab.faults.fault import Fault, Lab
from ops.faultlab.latency import Mark
from ops.faultlab.plan import Planned

TICK_S = 0.05


class Nemesis:
    """Runs in the main thread, between the keeper's looks. `faults` are those that the schedule names."""

    def __init__(
        self, lab: Lab, schedule: Sequence[Planned], say: Callable[[str], None], faults: Mapping[str, Fault] = ALL
    ) -> None:
        self._faults = faults
        self._lab, self._waiting, self._say = lab, list(schedule), say
        self._broken: list[tuple[float, Planned, int, Callable[[], None]]] = []
        self.marks: list[Mark] = []

    def play(self, starts_at: float, goes_on: Callable[[], bool]) -> None:
        """Until everything is healed and `goes_on` says no. `starts_at` is on time.monotonic()."""
        try:
            while self._waiting or self._broken or goes_on():
                self._look(time.monotonic() - starts_at)
                self._lab.house.keeper.keep()
                self._lab.aof.sample()
                time.sleep(TICK_S)
        finally:
            self._heal_all()

    def _look(self, now_s: float) -> None:
        for entry in [entry for entry in self._broken if now_s >= entry[0]]:
            self._heal(entry)
        while self._waiting and now_s >= self._waiting[0].at_s:
            self._begin(self._waiting.pop(0), now_s)

    def _begin(self, planned: Planned, now_s: float) -> None:
        began_ns = time.time_ns()
        heal = self._faults[planned.name].begin(self._lab, Random(planned.dice))
        self._say(f"{now_s:6.1f} s  {planned.name} for {planned.hold_s:g} s")
        self._broken.append((now_s + planned.hold_s, planned, began_ns, heal))

    def _heal(self, entry: tuple[float, Planned, int, Callable[[], None]]) -> None:
        _, planned, began_ns, heal = entry
        self._broken.remove(entry)
        heal()
        self.marks.append(Mark(planned.name, began_ns, time.time_ns()))

    def _heal_all(self) -> None:
        for entry in list(self._broken):
            self._heal(entry)


def both_away_ns(marks: Sequence[Mark]) -> list[tuple[int, int]]:
    """When Redis and the journal were away at once. A store that is back is believed AFTER_NS later."""
    hidden = [(mark, ALL[mark.name].hides) for mark in marks]
    return [
        (max(a.begin_ns, b.begin_ns), min(a.end_ns, b.end_ns) + AFTER_NS)
        for a, hides in hidden
        for b, also in hidden
        if "redis" in hides
        and "journal" in also
        and a.begin_ns < b.end_ns + AFTER_NS
        and b.begin_ns < a.end_ns + AFTER_NS
    ]


AFTER_NS = 2_000_000_000  # a journal that failed is not tried for a second, a Redis for a quarter of one
