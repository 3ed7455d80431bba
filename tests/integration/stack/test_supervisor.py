"""The supervisor: ready means ready, the dead come back or are given up, and the end has an order."""

import signal
from pathlib import Path

import pytest

from ops.stack.leftovers import birth
from ops.stack.service import Service
from ops.stack.supervisor import DEATHS, GaveUp, Supervisor
from tests.integration.stack.conftest import python, wait_for

FOREVER = "import signal; signal.pause()"


def test_a_service_that_ends_while_starting_is_told_with_its_log(supervisor: Supervisor):
    supervisor.start(python("bad", "print('no such table'); raise SystemExit(3)", probe=lambda _pid: "never"))
    with pytest.raises(GaveUp, match=r"bad ended while starting \(exit 3\)(.|\n)*no such table"):
        supervisor.wait_ready(["bad"], 20)


def test_a_service_that_is_not_ready_in_time_is_told_with_what_is_missing(supervisor: Supervisor):
    supervisor.start(python("slow", FOREVER, probe=lambda _pid: "no answer yet"))
    with pytest.raises(GaveUp, match="slow was not ready after 0 s: no answer yet"):
        supervisor.wait_ready(["slow"], 0.2)


def test_a_service_that_dies_is_started_again_after_a_growing_pause(supervisor: Supervisor, said: list[str]):
    supervisor.start(python("frail", FOREVER))
    first = supervisor.kept["frail"].child
    now = 100.0
    for pause_s in (1, 2, 4):
        supervisor.kept["frail"].child.kill()
        assert supervisor.watch(now) == []
        assert supervisor.watch(now + pause_s - 0.1) == []
        assert supervisor.watch(now + pause_s) == ["frail"]
        now += 100  # far enough apart not to be given up
    assert supervisor.pids()["frail"] != first.pid
    assert "frail died (killed by SIGKILL); starting it again in 4 s" in "\n".join(said)


def test_a_service_that_dies_again_and_again_is_given_up_with_its_log(supervisor: Supervisor):
    supervisor.start(python("hopeless", "print('disk full')"))
    now = 0.0

    def die() -> None:
        nonlocal now
        wait_for(lambda: not supervisor.pids(), "it has ended")
        supervisor.watch(now)
        now = supervisor.kept["hopeless"].start_again_at or now
        supervisor.watch(now)

    for _ in range(DEATHS - 1):
        die()
    with pytest.raises(GaveUp, match=f"hopeless died {DEATHS} times within 60 s(.|\n)*disk full"):
        die()


def test_the_end_follows_the_order_and_what_is_not_named_ends_last(supervisor: Supervisor, tmp_path: Path):
    order = tmp_path / "order"
    code = (
        "import signal, sys\n"
        "def end(*_): open({path!r}, 'a').write({name!r} + ' '); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True)\n"
        "while True: signal.pause()"
    )
    for name in ("unnamed", "store", "worker", "door"):
        supervisor.start(python(name, code.format(path=str(order), name=name)))
    wait_for(lambda: all("up" in kept.child.tail() for kept in supervisor.kept.values()), "all listen to signals")
    supervisor.stop([["door"], ["worker"], ["store"]])
    assert order.read_text().split() == ["door", "worker", "store", "unnamed"]
    assert supervisor.pids() == {}


def test_who_does_not_stop_is_killed_and_that_is_said(supervisor: Supervisor, said: list[str]):
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
    supervisor.start(python("deaf", deaf, stop_grace_s=0.2))
    wait_for(lambda: "up" in supervisor.kept["deaf"].child.tail(), "it ignores SIGTERM")
    supervisor.stop([])
    assert supervisor.pids() == {}
    assert any("deaf did not stop" in line for line in said)


def test_a_log_that_has_grown_large_is_moved_aside_at_the_next_start(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ops.stack.child.LOG_CAP_BYTES", 100)
    (tmp_path / "wordy.log").write_text("old " * 100)
    supervisor.start(Service("wordy", ["/bin/echo", "new"]))
    wait_for(lambda: "new" in supervisor.kept["wordy"].child.tail(), "it has written")
    assert (tmp_path / "wordy.log").read_text() == "new\n"
    assert (tmp_path / "wordy.log.1").exists()


def test_a_childs_own_children_end_with_it(supervisor: Supervisor, tmp_path: Path):
    code = "import subprocess, signal; print(subprocess.Popen(['sleep', '600']).pid, flush=True); signal.pause()"
    supervisor.start(python("parent", code))
    child = supervisor.kept["parent"].child
    wait_for(lambda: child.tail().strip(), "the grandchild's pid is known")
    supervisor.stop([])
    wait_for(lambda: not birth(int(child.tail())), "the grandchild is gone")
    assert child.process.returncode == -signal.SIGTERM
