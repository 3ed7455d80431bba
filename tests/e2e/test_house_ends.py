"""The whole house, started as a person starts it, and every way it may end: nothing is ever left running."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest
import requests

from ops import demo_world
from ops.stack import envfile, leftovers, ports

ROOT = Path(__file__).parents[2]
START_WITHIN_S, END_WITHIN_S = 90, 60

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


class House:
    """`./ops/up` in a run folder of its own, on free ports."""

    def __init__(self, run: Path, *words: str):
        self.run = run
        self.process = self.up("--auto-ports", "--no-demo", *words)

    def up(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "ops.stack.up", *words],
            cwd=ROOT,
            env={**os.environ, "TS_RUN_DIR": str(self.run)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_until_it_runs(self) -> None:
        wait_for(lambda: (self.run / "env").exists() or self.process.poll() is not None, "it runs", START_WITHIN_S)
        if self.process.poll() is not None:
            pytest.fail(f"ended while starting:\n{self.process.communicate()[0]}")

    @property
    def env(self) -> dict[str, str]:
        return envfile.read(self.run / "env")

    def pids(self) -> list[int]:
        """Our process's children and theirs."""
        return _descendants(self.process.pid)

    def ports(self) -> list[int]:
        found = [self.env[name].rpartition(":")[2].partition("/")[0] for name in self.env if name.endswith("_URL")]
        return sorted({int(port) for port in found if port.isdigit()})


def wait_for(fact: Callable[[], object], what: str, limit_s: float) -> None:
    deadline, pause = time.monotonic() + limit_s, Event()
    while not fact():
        assert time.monotonic() < deadline, f"not within {limit_s:.0f} s: {what}"
        pause.wait(0.05)


def _descendants(pid: int) -> list[int]:
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
    return children + [found for child in children for found in _descendants(child)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path / "run")
    yield found
    if found.process.poll() is None:
        found.process.terminate()
    found.process.communicate(timeout=END_WITHIN_S)


def assert_nothing_is_left(pids: list[int], taken: list[int]) -> None:
    # Twenty seconds: gunicorn's workers and PostgreSQL end in an orderly way when their parent is gone.
    wait_for(lambda: not [pid for pid in pids if leftovers.birth(pid)], f"all of {pids} are gone", 20)
    assert [port for port in taken if ports.is_taken(port)] == []


def test_it_runs_once_ends_in_order_and_keeps_its_key(house: House):
    house.wait_until_it_runs()
    key, pids, taken = house.env["TS_API_KEY"], house.pids(), house.ports()
    assert len(pids) > 12

    second = house.up("--no-demo").communicate(timeout=START_WITHIN_S)[0]
    assert f"already running (pid {house.process.pid}) at {house.env['TS_URL']}" in second
    assert house.up("--once").wait(START_WITHIN_S) == 2

    assert house.up("--stop").wait(END_WITHIN_S) == 0
    said = house.process.communicate(timeout=END_WITHIN_S)[0]
    assert "nothing left running" in said
    assert house.process.returncode == 0
    assert_nothing_is_left(pids, taken)
    assert not (house.run / "env").exists()

    house.process = house.up("--auto-ports", "--no-demo")
    house.wait_until_it_runs()
    assert house.env["TS_API_KEY"] == key


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_kill_9_leaves_no_process_no_open_port_and_whole_data(house: House):
    house.wait_until_it_runs()
    key, pids, taken = house.env["TS_API_KEY"], house.pids(), house.ports()
    os.kill(house.process.pid, signal.SIGKILL)
    house.process.communicate(timeout=END_WITHIN_S)
    assert_nothing_is_left(pids, taken)

    house.process = house.up("--auto-ports", "--no-demo")
    house.wait_until_it_runs()
    assert house.env["TS_API_KEY"] == key


@pytest.mark.skipif(sys.platform != "linux", reason="reads the children from /proc")
def test_what_dies_is_started_again_and_the_simulator_is_told_our_numbers_again(house: House):
    house.wait_until_it_runs()
    lines = [line.split() for line in (house.run / "children").read_text().splitlines()]
    simulator = next(pid for pid, _ in lines if "twilio_sim" in Path(f"/proc/{pid}/cmdline").read_text())
    os.kill(int(simulator), signal.SIGKILL)

    def knows_our_number() -> bool:
        account, token = house.env["TWILIO_ACCOUNT_SID"], house.env["TWILIO_AUTH_TOKEN"]
        url = f"{house.env['TS_SIMULATOR_URL']}/2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json"
        try:
            told = requests.get(url, auth=(account, token), timeout=5).json()
        except requests.ConnectionError:
            return False  # not back yet
        return demo_world.BUSINESS in {number["phone_number"] for number in told["incoming_phone_numbers"]}

    wait_for(lambda: leftovers.birth(int(simulator)) == "", "the old one is gone", 10)
    wait_for(knows_our_number, "the new simulator knows our number", 30)


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path):
    run = tmp_path / "run"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        house = House(run, "--port", str(port))
        said = house.process.communicate(timeout=START_WITHIN_S)[0]
    assert house.process.returncode == 2
    assert f"port {port} is in use by" in said
    assert not (run / "logs").exists()
