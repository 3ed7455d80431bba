"""The stand-ins as a program: up on the address it was told, down on SIGTERM, and nothing without its settings."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

ROOT = Path(__file__).parents[3]
SETTINGS = {"TS_URL": "http://127.0.0.1:9", "INTERNAL_SERVICE_KEY": "key"}


@contextmanager
def _started(**settings: str) -> Iterator[subprocess.Popen[str]]:
    env = {k: v for k, v in os.environ.items() if k not in SETTINGS} | settings
    command = [sys.executable, "-m", "ops.standins", "--bind", "127.0.0.1:0"]
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_serves_what_it_says_it_serves_and_ends_quietly():
    with _started(**SETTINGS) as process:
        assert process.stdout
        url = process.stdout.readline().split()[-1]
        assert requests.get(f"{url}/livez", timeout=10).json() == {"status": "ok"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_it_does_not_start_without_a_key():
    with _started(TS_URL="http://127.0.0.1:9") as process:
        assert process.wait(timeout=10) == 2
        assert process.stderr
        assert "INTERNAL_SERVICE_KEY" in process.stderr.read()


def test_it_imports_nothing_of_the_service_it_is_used_to_test():
    seen = "import sys, ops.standins.app, ops.standins.server; print({m.partition('.')[0] for m in sys.modules})"
    modules = subprocess.run([sys.executable, "-c", seen], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not any(f"'{package}'" in modules for package in ("ingress", "workers", "shared"))
