"""One child process: started so that it cannot outlive us, watched and ended by its pid."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
LOG_CAP_BYTES = 20_000_000  # a log larger than this is moved aside when its process starts
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _preparation(
    parent: int, death_signal: signal.Signals, before_exec: Callable[[], None] | None
) -> Callable[[], None]:
    """What the forked child does before it becomes the program."""

    def prepare() -> None:
        if before_exec:
            before_exec()
        # After `before_exec`: the kernel forgets the death signal when credentials change.
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)  # the parent died before the line above

    return prepare


def _roll(log: Path, cap_bytes: int) -> None:
    """Keep one older log beside the current one, so that a folder of logs stays bounded over many starts."""
    if log.exists() and log.stat().st_size > cap_bytes:
        log.replace(log.with_suffix(".log.1"))


class Child:
    """A running program with a log file of its own. It leads its own session, so a terminal's Ctrl-C reaches only us."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        log: Path,
        death_signal: signal.Signals = signal.SIGKILL,
        before_exec: Callable[[], None] | None = None,
    ):
        # Linux sends the death signal when the *thread* that forked ends, so only the main thread may start children.
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("children are started by the main thread only")
        self.name, self.log, self._is_swept = name, log, False
        _roll(log, LOG_CAP_BYTES)
        with log.open("ab") as output:
            self.log_start = output.tell()
            self.process = subprocess.Popen(
                argv,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_preparation(os.getpid(), death_signal, before_exec),
            )
        self.started_at = time.monotonic()

    @property
    def pid(self) -> int:
        return self.process.pid

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def exit_words(self) -> str:
        """How it ended, for people: `exit 1` or `killed by SIGKILL`."""
        code = self.process.returncode
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"

    def send(self, number: signal.Signals) -> None:
        """Signal the program itself; nothing happens when it has ended."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it and everything in its session, now. Once: later its number may belong to someone else."""
        if self._is_swept:
            return
        self._is_swept = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)

    def tail(self, lines: int = 15) -> str:
        """The last lines it wrote since this start."""
        with self.log.open("rb") as file:
            file.seek(max(self.log_start, self.log.stat().st_size - 20_000))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
