"""What goes wrong at Twilio and on the way to it, by chance: drawn by the simulator's own dice, of the run's seed."""

from typing import Any, Final

from ops.faultlab import twilio

# Shares of the creates. LOST: the message was taken, and no answer came.
LOST: Final = 0.05
LATE_S: Final = 12.0  # longer than the service waits for an answer, shorter than it takes to call a doubt settled
ODDS: Final[dict[str, dict[str, Any]]] = {
    "create": {
        "lost_after": LOST, "lost_before": 0.02, "error_after": 0.01, "error_before": 0.02, "broken_json": 0.01,
        "late_work": 0.003, "late_answer": 0.003, "late_s": LATE_S, "throttled": 0.02, "html": 0.3,
    },
    "list": {"lost_before": 0.02, "error_before": 0.05, "html": 0.3},
}  # fmt: skip
SETTINGS: Final[dict[str, Any]] = {
    "message_step_s": 0.5,
    # Callbacks: missing ones, double ones, such as overtake each other or come late, and texts without any.
    "drop_rate": 0.05, "duplicate_rate": 0.05, "swap_rate": 0.1, "late_rate": 0.05, "late_s": 8.0, "silent_rate": 0.1,
    # A new message is missing in lists for so long: whoever asks at once is told that there is none.
    "list_lag_s": 4.0,
    # Fewer requests at once than the workers have threads, and each as long as a quick one of Twilio's.
    "concurrency_limit": 10, "takes_s": 0.05,
}  # fmt: skip


def begin(simulator_url: str, seed: int) -> None:
    """From now on."""
    twilio.bend(simulator_url, seed, SETTINGS, ODDS)
