"""What the supervisor knows of one program: how to start it, how to tell that it is ready, how to end it."""

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Probe = Callable[[int], str]
"""Given the program's pid: empty when ready, else what is still missing, for people."""


def always_ready(_pid: int) -> str:
    """For a program with nothing to ask: running is ready."""
    return ""


@dataclass(frozen=True)
class Service:
    """One program of the stack."""

    name: str
    argv: Sequence[str]
    probe: Probe = always_ready
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the stack's environment."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace_s: float = 5
    """How long it may take after `stop_signal`; then it is killed."""
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends it when the supervisor is killed (Linux)."""
    before_exec: Callable[[], None] | None = None
