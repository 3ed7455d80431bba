"""The metrics module is set up by the environment before it is imported, so each test is a process of its own."""

import os
import subprocess
import sys

COUNT = "from shared import metrics; metrics.BEAT_TICKS.labels('x').inc(); print(metrics.slot())"


def run(folder, code=COUNT):
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}, capture_output=True,
        text=True, check=True, timeout=30,
    )  # fmt: skip
    return done.stdout.strip()


def test_processes_that_follow_each_other_share_a_slot_and_their_counts_add_up(tmp_path):
    assert [run(tmp_path) for _ in range(3)] == ["0", "0", "0"]
    total = run(
        tmp_path,
        "from prometheus_client import CollectorRegistry, generate_latest\n"
        "from prometheus_client.multiprocess import MultiProcessCollector\n"
        "import os\n"
        "registry = CollectorRegistry()\n"
        "MultiProcessCollector(registry, path=os.environ['PROMETHEUS_MULTIPROC_DIR'])\n"
        "print([line for line in generate_latest(registry).decode().splitlines() if line.startswith('twilio_server_beat')])",
    )
    assert 'twilio_server_beat_ticks_total{name="x"} 3.0' in total


def test_a_process_beside_a_living_one_takes_the_next_slot(tmp_path):
    parent = (
        "import subprocess, sys; from shared import metrics; metrics.slot();"
        f"print(subprocess.run([sys.executable, '-c', {COUNT!r}], capture_output=True, text=True).stdout.strip())"
    )
    assert run(tmp_path, parent) == "1"


def test_a_forked_child_takes_a_slot_of_its_own(tmp_path):
    code = (
        "import os; from shared import metrics; mine = metrics.slot();\n"
        "pid = os.fork()\n"
        "os._exit(0 if metrics.slot() != mine else 1) if pid == 0 else None\n"
        "print(os.waitpid(pid, 0)[1])"
    )
    assert run(tmp_path, code) == "0"


def test_many_observations_at_once_are_as_many_single_ones():
    from prometheus_client import CollectorRegistry, Histogram, generate_latest

    from shared import metrics

    def text(fill):
        registry = CollectorRegistry()
        fill(Histogram("h", "h", buckets=(0.1, 1, 5), registry=registry))
        return [line for line in generate_latest(registry).decode().splitlines() if "created" not in line]

    amounts = (0.05, 0.1, 0.5, 7.0)
    at_once = text(lambda histogram: [metrics.observe_many(histogram, amount, 3) for amount in amounts])
    single = text(lambda histogram: [histogram.observe(amount) for amount in amounts for _ in range(3)])
    assert at_once == single

    class Strange:
        seen = 0

        def observe(self, _amount):
            self.seen += 1

    strange = Strange()
    metrics.observe_many(strange, 1.0, 4)
    assert strange.seen == 4
