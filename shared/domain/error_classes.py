"""What an error code of Twilio means for us: its class, whether to try again, and what follows for sender or recipient.

The rules are data (`shared/data/error_codes.json`, with their sources); this module reads them and computes times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from shared.data import read
from shared.domain.backoff import delay_s

ErrorClass = Literal["transient", "throttle", "sender", "recipient", "content", "compliance", "account", "config"]
Repeat = Literal["none", "backoff", "limited", "next-day", "resolve"]
Deed = Literal["suppress", "opt-out", "pause-sender", "pause-account", "alert"]

# US carriers count their daily caps from midnight Pacific (Twilio's errors 30023 and 30027).
CARRIERS_ZONE: Final = ZoneInfo("America/Los_Angeles")
# What waited for the new day comes back over half an hour: all at once would use the new cap up in a burst.
MORNING_S: Final = 1800.0


@dataclass(frozen=True, slots=True)
class Consequence:
    """What is to be done besides. Each deed has its own fields; `days` None means for good."""

    do: Deed
    reason: str = ""
    days: int | None = None
    minutes: int = 0
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """The rule of one code. `tries`: how often to try again when repeat is `limited`. `wait_s`: added to every wait.

    `is_notice`: nothing has failed, we are only told. `may_have_arrived`: a text that is "undelivered" with it may have got
    there all the same. `is_known` is False for the rule that stands in for a code that we
    have no rule of.
    """

    code: int | None
    error_class: ErrorClass
    repeat: Repeat
    tries: int = 0
    wait_s: float = 0.0
    consequences: tuple[Consequence, ...] = ()
    is_notice: bool = False
    may_have_arrived: bool = False
    is_known: bool = True
    means: str = ""

    @property
    def is_passing(self) -> bool:
        """The same request may do later: the world, the pace or the account is at fault, not the text."""
        return self.error_class in ("transient", "throttle", "account")

    def consequences_after(self, attempt: int) -> tuple[Consequence, ...]:
        """What to do after failure number `attempt` (from 1): nobody is suppressed whom we are about to try again."""
        if not self.may_follow(attempt):
            return self.consequences
        return tuple(one for one in self.consequences if one.do != "suppress")

    def may_follow(self, attempt: int) -> bool:
        """Whether another try follows failure number `attempt` (from 1), by its code alone."""
        return self.repeat in ("backoff", "next-day", "resolve") or (self.repeat == "limited" and attempt <= self.tries)


def rule_of(code: int | None) -> ErrorRule:
    """The rule of a code. One that we do not know, and no code at all, is not tried again and somebody is told."""
    return _rules().get(code or 0) or _unknown(code)


def rule_of_status(http_status: int) -> ErrorRule:
    """The rule of a refusal whose body names no code that we know: by its HTTP status."""
    statuses: Mapping[str, int] = read("error_codes")["statuses"]
    return rule_of(statuses.get(str(http_status)) or statuses.get(f"{http_status // 100}xx"))


def when_again(
    rule: ErrorRule, attempt: int, jitter: float, *, now: datetime, retry_after_s: float | None = None
) -> datetime | None:
    """When to try again after failure number `attempt` (from 1); None when not. `now` is aware, `jitter` in [0, 1).

    With `resolve`, it has to be found out first whether the last try did it after all.
    """
    if not rule.may_follow(attempt):
        return None
    earliest = now + timedelta(seconds=retry_after_s or 0.0)
    if rule.repeat == "next-day":
        return max(earliest, next_midnight(now) + timedelta(seconds=MORNING_S * jitter))
    return max(earliest, now + timedelta(seconds=rule.wait_s + delay_s(attempt, jitter)))


def next_midnight(now: datetime) -> datetime:
    """The first midnight Pacific after `now`, in the zone of `now`. Clocks change there at two, so midnight always is."""
    tomorrow = now.astimezone(CARRIERS_ZONE).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(0), CARRIERS_ZONE).astimezone(now.tzinfo)


def _unknown(code: int | None) -> ErrorRule:
    return ErrorRule(code, "config", "none", consequences=(Consequence("alert"),), is_known=False)


@cache
def _rules() -> Mapping[int, ErrorRule]:
    return {row["code"]: _rule(row) for row in read("error_codes")["codes"]}


def _rule(row: Mapping[str, Any]) -> ErrorRule:
    return ErrorRule(
        code=row["code"],
        error_class=row["class"],
        repeat=row["repeat"],
        tries=row.get("tries", 0),
        wait_s=float(row.get("wait_s", 0)),
        consequences=tuple(Consequence(**one) for one in row["consequences"]),
        is_notice=row.get("is_notice", False),
        may_have_arrived=row.get("may_have_arrived", False),
        means=row["means"],
    )
