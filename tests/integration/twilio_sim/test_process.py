"""The simulator as a process: how it starts, what it needs, how it ends, what it leaves on disk."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ops.twilio_sim.sids import Sids

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {"TWILIO_ACCOUNT_SID": "AC" + "1" * 32, "TWILIO_AUTH_TOKEN": "first,second"}
STARTS_WITHIN_S = 10.0  # a machine under load; alone it takes half a second


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ops.twilio_sim", *arguments],
        cwd=ROOT, env={**os.environ, **ENVIRONMENT, **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return tmp_path / "history.jsonl"


@pytest.fixture
def url(port: int, history: Path) -> Iterator[str]:
    process = start("--bind", f"127.0.0.1:{port}", "--speed", "50", "--seed", "1", "--history", str(history))
    assert process.stdout is not None
    began = time.monotonic()
    line = process.stdout.readline()
    assert line == f"twilio_sim: listening on http://127.0.0.1:{port}\n", process.stderr and process.stderr.read()
    assert time.monotonic() - began < STARTS_WITHIN_S
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_the_first_of_several_tokens_is_the_password(url):
    path = f"{url}/2010-04-01/Accounts/{ENVIRONMENT['TWILIO_ACCOUNT_SID']}/Messages.json"
    assert requests.get(path, auth=(ENVIRONMENT["TWILIO_ACCOUNT_SID"], "first"), timeout=5).status_code == 200
    assert requests.get(path, auth=(ENVIRONMENT["TWILIO_ACCOUNT_SID"], "second"), timeout=5).status_code == 401


def test_the_history_file_has_a_line_for_every_attempt(url, history, receiver, reply, until):
    receiver.says("/hook", reply("", 500), reply("", 200))
    wish = {"url": receiver.url + "/hook#rc=1&rp=5xx", "params": {"MessageSid": "SM1", "MessageStatus": "sent"}}
    requests.post(f"{url}/sim/webhook", json=wish, timeout=5)
    until(lambda: history.read_text(encoding="utf-8").count("\n") == 2)
    lines = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    assert [(x["op"], x["attempt"], x["outcome"]) for x in lines] == [(1, 1, "info"), (2, 2, "ok")]
    assert {x["sid"] for x in lines} == {"SM1"}
    assert {x["status"] for x in lines} == {"sent"}
    assert len({x["token"] for x in lines}) == len({x["body_sha256"] for x in lines}) == 1
    assert all(x["sent_ns"] < x["done_ns"] for x in lines)
    assert {"kind", "url", "http_status", "error"} < set(lines[0])


def test_a_seed_repeats_the_names(url):
    made = requests.put(f"{url}/sim/numbers/+14155550100", json={}, timeout=5).json()["sid"]
    assert made == Sids(1).new("PN")


@pytest.mark.parametrize("missing", ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"])
def test_without_an_account_it_says_what_is_missing(missing, port):
    process = start("--bind", f"127.0.0.1:{port}", **{missing: ""})
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (2, f"twilio_sim: set {missing}\n")


def test_a_taken_port_is_one_line_and_status_2():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start("--bind", f"127.0.0.1:{taken.getsockname()[1]}")
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert errors.startswith("twilio_sim: ")
    assert errors.count("\n") == 1


def test_a_token_can_come_from_a_file(port, tmp_path):
    secret = tmp_path / "token"
    secret.write_text("from-a-file\n", encoding="utf-8")
    process = start("--bind", f"127.0.0.1:{port}", TWILIO_AUTH_TOKEN="", TWILIO_AUTH_TOKEN_FILE=str(secret))
    assert process.stdout is not None
    process.stdout.readline()
    path = f"http://127.0.0.1:{port}/2010-04-01/Accounts/{ENVIRONMENT['TWILIO_ACCOUNT_SID']}/Messages.json"
    answer = requests.get(path, auth=(ENVIRONMENT["TWILIO_ACCOUNT_SID"], "from-a-file"), timeout=5)
    process.terminate()
    assert (answer.status_code, process.wait(10)) == (200, 0)


def test_the_bench_gets_every_webhook_of_every_call():
    wishes = ["--calls", "8", "--talk-s", "20", "--speed", "20"]
    done = subprocess.run(
        [sys.executable, "-m", "ops.twilio_sim.bench", *wishes], cwd=ROOT, capture_output=True, text=True, timeout=40
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "8 calls placed" in done.stdout
    assert "10 webhooks each, missing: none" in done.stdout
