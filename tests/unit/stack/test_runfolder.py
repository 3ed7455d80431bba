"""The run folder: one supervisor at a time, secrets that last, and words for those who may not."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.stack import identity
from ops.stack.runfolder import AlreadyRunning, NotOurs, RunFolder


def test_a_second_supervisor_hears_the_pid_of_the_first(tmp_path: Path):
    run = RunFolder(tmp_path / "run")
    with run.lock():
        with pytest.raises(AlreadyRunning) as refusal:
            RunFolder(tmp_path / "run").lock()
        assert refusal.value.pid == os.getpid()
    run.lock().close()


def test_a_secret_is_made_once_and_kept_from_others(tmp_path: Path):
    run = RunFolder(tmp_path / "run")
    run.prepare()
    first = run.secret("A")
    assert RunFolder(tmp_path / "run").secret("A") == first
    assert stat.S_IMODE(run.secrets_file.stat().st_mode) == 0o600


def test_fresh_forgets_data_and_secrets(tmp_path: Path):
    run = RunFolder(tmp_path / "run")
    run.prepare()
    (run.data / "file").touch()
    first = run.secret("A")
    run.wipe()
    run.prepare()
    assert not (run.data / "file").exists()
    assert run.secret("A") != first


def test_a_start_drops_counters_of_dead_processes_and_the_sign_that_something_runs(tmp_path: Path):
    run = RunFolder(tmp_path / "run")
    run.prepare()
    (run.metrics / "counter_1.db").touch()
    run.env_file.touch()
    run.prepare()
    assert not list(run.metrics.iterdir())
    assert not run.env_file.exists()


@pytest.fixture
def roots_folder() -> Iterator[Path]:
    """A run folder of root in a place everyone can look into, which pytest's own is not."""
    parent = Path(tempfile.mkdtemp(prefix="twilio-server-test-"))
    parent.chmod(0o755)
    RunFolder(parent / "run").prepare()
    yield parent / "run"
    shutil.rmtree(parent)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_users_folder_is_explained(roots_folder: Path):
    os.seteuid(identity.NOBODY)
    try:
        with pytest.raises(NotOurs, match=r"belongs to root.*TS_RUN_DIR="):
            RunFolder(roots_folder).lock()
    finally:
        os.seteuid(0)
