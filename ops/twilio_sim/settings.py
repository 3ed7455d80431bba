"""What can be turned while the world runs: its speed is the clock's, faults of the REST API are the odds'."""

from dataclasses import dataclass
from typing import Any

from ops.twilio_sim.kinds import checked, within
from ops.twilio_sim.webhooks.address import is_http_url

# Above what any account gets: a limit as large as this is none.
MOST_REQUESTS = 10_000


@dataclass
class Settings:
    """Seconds are the world's but for `takes_s`; rates go from 0 to 1 and concern status callbacks only,
    those of messages, calls, recordings and the detection of machines.

    `message_step_s` lies between two states of a message, `recording_ready_s` between the end of a
    recording and `completed`, and `media_late_s` is how long its media then still answers 404.

    `drop_rate` loses single callbacks, `duplicate_rate` posts them twice, `swap_rate` posts one only after
    the next of its message or call, `late_rate` posts it `late_s` later than its state, and of `silent_rate`
    of all messages, calls and recordings no callback is sent at all (1 switches them off). `absent_rate` of all
    recordings end without media.

    `calls_per_s` is how many placed calls begin in a second, the others stay queued (0: no limit; Twilio's
    default is 1). `debugger_url` is where alerts are posted, if anywhere.

    `list_lag_s` is how long a new message or call is missing in lists. `concurrency_limit` requests may be inside at
    once, more get 20429 (0: no limit); `takes_s` is the least that each request takes, in real seconds.
    """

    message_step_s: float = 1.0
    recording_ready_s: float = 2.0
    media_late_s: float = 0.0
    drop_rate: float = 0.0
    duplicate_rate: float = 0.0
    swap_rate: float = 0.0
    late_rate: float = 0.0
    late_s: float = 10.0
    silent_rate: float = 0.0
    absent_rate: float = 0.0
    calls_per_s: float = 0.0
    debugger_url: str = ""
    list_lag_s: float = 0.0
    concurrency_limit: int = 0
    takes_s: float = 0.0

    def change(self, wishes: dict[str, Any]) -> None:
        """Raises ValueError for an unknown name or a value out of range; then nothing has changed."""
        values = checked(Settings, wishes)
        for name, value in values.items():
            if name == "debugger_url":
                _check_address(value)
            else:
                within(name, value, 0, _highest(name))
        for name, value in values.items():
            setattr(self, name, value)


def _check_address(value: str) -> None:
    if value and not is_http_url(value):
        raise ValueError("debugger_url must be an http(s) URL")


def _highest(name: str) -> float:
    if name.endswith("_rate"):
        return 1
    return {"concurrency_limit": MOST_REQUESTS, "takes_s": 60}.get(name, 3600)
