"""What a killed supervisor left is waited for, then ended; a stranger with the same number is left alone."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.stack import leftovers


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as found:
        yield found
        found.kill()


def test_what_stays_too_long_is_ended_by_its_pid(tmp_path: Path, sleeper: subprocess.Popen[bytes]):
    leftovers.note(tmp_path / "children", {"sleeper": sleeper.pid})
    assert leftovers.clear(tmp_path / "children", patience_s=0) == 1
    assert sleeper.wait(10) == -9
    assert not (tmp_path / "children").exists()


def test_another_process_with_the_same_number_is_left_alone(tmp_path: Path, sleeper: subprocess.Popen[bytes]):
    (tmp_path / "children").write_text(f"{sleeper.pid} 1\n")
    assert leftovers.clear(tmp_path / "children", patience_s=0) == 0
    assert sleeper.poll() is None


def test_nothing_noted_means_nothing_to_do(tmp_path: Path):
    assert leftovers.clear(tmp_path / "children") == 0


def test_a_dead_process_has_no_birth(sleeper: subprocess.Popen[bytes]):
    sleeper.kill()
    sleeper.wait()
    assert leftovers.birth(sleeper.pid) == ""
