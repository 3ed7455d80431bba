"""What goes wrong when the sound of a recording is asked for: planned for one, or by odds."""

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ops.twilio_sim.dice import Dice
from ops.twilio_sim.kinds import within

# late: 404, as for a while after `completed`. error: 503. hang: nothing for `hang_s` real seconds, then the connection
# breaks. short: half of it under a full Content-Length. cut: half of it, as if that were all. page: HTML where sound was
# asked for. other: sound of another length. elsewhere: a redirect to another host, which needs no password.
TROUBLES = ("late", "error", "hang", "short", "cut", "page", "other", "elsewhere")
KEYS = ("odds", "planned", "hang_s")
MOST_TIMES = 1000


class MediaTrouble:
    """One request meets one trouble at the most; a planned one comes first."""

    def __init__(self, dice: Dice) -> None:
        self._dice, self._lock = dice, threading.Lock()
        self.clear()

    def replace(self, wishes: Mapping[str, Any]) -> None:
        """`{"odds": {"late": 0.1}, "planned": [{"sid": "RE…", "trouble": "short", "times": 2}], "hang_s": 5}`; what is not
        named is none. Raises ValueError for a key or value that is none.
        """
        if unknown := sorted(set(wishes) - set(KEYS)):
            raise ValueError(f"unknown key {unknown[0]!r}; known are {', '.join(KEYS)}")
        odds, planned = _odds(wishes.get("odds", {})), _planned(wishes.get("planned", []))
        hang_s = wishes.get("hang_s", 5.0)
        if isinstance(hang_s, bool) or not isinstance(hang_s, int | float):
            raise ValueError("hang_s must be a number")
        within("hang_s", hang_s, 0, 600)
        with self._lock:
            self._odds, self._planned, self.hang_s = odds, planned, float(hang_s)

    def draw(self, sid: str) -> str:
        """The trouble of this request, or ""."""
        with self._lock:
            for trouble in TROUBLES:
                if self._planned[sid, trouble] > 0:
                    self._planned[sid, trouble] -= 1
                    return trouble
            odds = self._odds
        number = self._dice.roll("media", sid) if odds else 1.0
        for trouble, rate in odds.items():
            number -= rate
            if number < 0:
                return trouble
        return ""

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.replace({})


def _odds(wishes: Any) -> dict[str, float]:
    if not isinstance(wishes, dict) or not all(name in TROUBLES for name in wishes):
        raise ValueError(f"odds must be an object of rates for {', '.join(TROUBLES)}")
    for name, rate in wishes.items():
        if isinstance(rate, bool) or not isinstance(rate, int | float):
            raise ValueError(f"{name} must be a number")
        within(name, rate, 0, 1)
    within("the sum of all odds", sum(wishes.values()), 0, 1)
    return {name: float(wishes[name]) for name in TROUBLES if wishes.get(name)}


def _planned(wishes: Any) -> Counter[tuple[str, str]]:
    if not isinstance(wishes, list):
        raise ValueError("planned must be a list")
    found: Counter[tuple[str, str]] = Counter()
    for wish in wishes:
        sid, trouble, times = _wish(wish)
        found[sid, trouble] += times
    return found


def _wish(wish: Any) -> tuple[str, str, int]:
    sid, trouble, times = (wish.get("sid"), wish.get("trouble"), wish.get("times", 1)) if isinstance(wish, dict) else (
        None, None, None)  # fmt: skip
    if not isinstance(sid, str) or trouble not in TROUBLES or isinstance(times, bool) or not isinstance(times, int):
        raise ValueError(f"planned wants objects of a sid, a trouble of {', '.join(TROUBLES)}, and how many times")
    within("times", times, 1, MOST_TIMES)
    return sid, trouble, times
