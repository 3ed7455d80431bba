"""Small programs under a supervisor, and a way to wait for facts."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from ops.stack.service import Service
from ops.stack.supervisor import Supervisor

ROOT = Path(__file__).parents[3]


def wait_for(fact: Callable[[], object], what: str, limit_s: float = 45) -> None:
    """Return as soon as `fact` holds; fail with `what` at the limit."""
    deadline = time.monotonic() + limit_s
    pause = Event()
    while not fact():
        assert time.monotonic() < deadline, f"not within {limit_s:.0f} s: {what}"
        pause.wait(0.02)  # the machine is shared: between two looks others may work


def python(name: str, code: str, **more: object) -> Service:
    """A service that runs `code`."""
    return Service(name, [sys.executable, "-c", code], **more)  # type: ignore[arg-type]


@pytest.fixture
def said() -> list[str]:
    """What the supervisor tells people."""
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    found = Supervisor(env=os.environ, cwd=ROOT, logs=tmp_path, say=said.append)
    yield found
    found.kill()
