"""The folder of one running stack: its lock, its logs, its data, its secrets, and the env file that says it runs."""

import fcntl
import os
import pwd
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ops.stack import envfile


class NotOurs(PermissionError):
    """The folder belongs to another user; the text says what to do."""


class AlreadyRunning(RuntimeError):
    """Another supervisor holds the folder."""

    def __init__(self, pid: int):
        super().__init__(f"already running (pid {pid})")
        self.pid = pid


@dataclass(frozen=True)
class RunFolder:
    """`.run`, or what TS_RUN_DIR names."""

    path: Path

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics"

    @property
    def env_file(self) -> Path:
        """There while the stack runs, and only then."""
        return self.path / "env"

    @property
    def secrets_file(self) -> Path:
        """Passwords and keys that the data was made with: kept between runs."""
        return self.path / "secrets"

    @property
    def children_file(self) -> Path:
        """The pids of the last run's children: they are gone before the data is opened again."""
        return self.path / "children"

    def prepare(self) -> None:
        """Make the folders; counters of processes that are gone are dropped. Raises NotOurs."""
        try:
            for folder in (self.path, self.logs, self.data, self.metrics):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not all(os.access(folder, os.W_OK) for folder in (self.path, self.logs, self.data)):
                raise PermissionError
        except PermissionError:
            raise NotOurs(self._whose()) from None
        for stale in self.metrics.glob("*.db"):
            stale.unlink(missing_ok=True)
        self.env_file.unlink(missing_ok=True)

    def wipe(self) -> None:
        """Forget data, secrets and logs: the next start is a first one."""
        for folder in (self.data, self.logs, self.metrics):
            shutil.rmtree(folder, ignore_errors=True)
        self.secrets_file.unlink(missing_ok=True)

    def lock(self) -> IO[str]:
        """The lock, held as long as the returned file is open. Raises AlreadyRunning or NotOurs."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = (self.path / "lock").open("a+", encoding="utf-8")
        except PermissionError:
            raise NotOurs(self._whose()) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(self._pid_in(file)) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        return file

    def secret(self, name: str, bytes_: int = 24) -> str:
        """The secret of that name; made and kept when it is asked for the first time."""
        kept = envfile.read(self.secrets_file)
        if name not in kept:
            kept[name] = secrets.token_hex(bytes_)
            envfile.write(self.secrets_file, kept)
        return kept[name]

    def keep(self, values: dict[str, str]) -> None:
        """Add `values` to the secrets."""
        if values:
            envfile.write(self.secrets_file, {**envfile.read(self.secrets_file), **values})

    def _pid_in(self, file: IO[str]) -> int:
        # The holder writes its pid right after it got the lock.
        for _ in range(20):
            file.seek(0)
            if text := file.read().strip():
                return int(text)
            time.sleep(0.05)
        return 0

    def _whose(self) -> str:
        try:
            owner = self.path.stat().st_uid
            name = pwd.getpwuid(owner).pw_name
        except (OSError, KeyError):
            name = "another user"
        return (
            f"{self.path} cannot be written: it belongs to {name}. "
            f"Run ./ops/up as {name}, remove the folder, or use another one: TS_RUN_DIR=/tmp/twilio-server ./ops/up"
        )
