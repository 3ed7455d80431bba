"""docker-compose.yml runs what the Procfile runs, and every container is watched, limited and without power."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from shared.settings import described

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
SERVICES: dict[str, Any] = COMPOSE["services"]
PROCFILE = dict(
    line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if re.match(r"\w+: ", line)
)
ONCE = {"migrate", "bucket"}
STORES = {"redis", "postgres", "objects"}
LONG_RUNNING = sorted(set(SERVICES) - ONCE)

# A container has a network of its own: 127.0.0.1 inside it is nobody's, not even the published port's.
INSIDE_A_CONTAINER = {"FLOWER_ADDRESS": "0.0.0.0"}


def _as_the_shell_reads(command: str) -> str:
    """With `${NAME:-default}` filled in; compose commands are run without a shell."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: INSIDE_A_CONTAINER.get(found[1], found[2]), command)


def test_the_file_is_a_compose_file():
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_processes_are_those_of_the_procfile():
    assert set(SERVICES) - ONCE - STORES == set(PROCFILE)


@pytest.mark.parametrize("name", sorted(PROCFILE))
def test_a_process_is_started_with_the_procfiles_command(name: str):
    assert SERVICES[name]["command"] == shlex.split(_as_the_shell_reads(PROCFILE[name]))


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_every_container_is_watched(name: str):
    health = SERVICES[name]["healthcheck"]
    assert health["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= set(health)


@pytest.mark.parametrize("name", sorted(ONCE))
def test_what_runs_once_is_waited_for_by_its_exit_code(name: str):
    assert SERVICES[name]["restart"] == "no"
    waits = [service["depends_on"].get(name) for service in SERVICES.values() if "depends_on" in service]
    assert {"condition": "service_completed_successfully"} in waits


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_is_limited_and_without_power(name: str):
    service = SERVICES[name]
    assert {"cpus", "memory", "pids"} == set(service["deploy"]["resources"]["limits"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["init"] is True
    assert not str(service["user"]).startswith("0")
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_every_container_has_time_to_end_its_work(name: str):
    assert SERVICES[name]["stop_grace_period"] in {"60s", "75s"}


def test_nothing_is_published_beyond_this_machine():
    published = {port for service in SERVICES.values() for port in service.get("ports", [])}
    assert published == {f"127.0.0.1:{port}:{port}" for port in (4000, 4001, 4002, 5555)}


def test_the_stores_have_no_way_out_and_are_not_published():
    for name in STORES:
        assert "ports" not in SERVICES[name]
        assert all(COMPOSE["networks"][network]["internal"] for network in SERVICES[name]["networks"])


def test_no_secret_is_written_in_the_file():
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            is_secret = re.search(r"PASSWORD|SECRET|TOKEN|KEY|AUTH\b|_URL_FILE$", variable)
            assert not is_secret or str(value).startswith(("/run/secrets/", "--auth")), f"{name}: {variable}"


def test_every_secret_is_declared_and_used():
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])


def test_images_are_pinned_to_a_version():
    for name in STORES:
        assert re.search(r":\d+", SERVICES[name]["image"])


def test_the_store_of_the_queue_refuses_rather_than_forgets():
    command = " ".join(SERVICES["redis"]["command"])
    assert "--appendonly yes --appendfsync always" in command
    assert "--maxmemory-policy noeviction" in command


@pytest.mark.parametrize(
    ("service", "variable", "volume"),
    [("ingress", "TS_JOURNAL_DIR", "journal"), ("fallback", "TS_FALLBACK_JOURNAL_DIR", "fallback-journal")],
)
def test_a_journal_outlives_the_container_and_belongs_to_its_user(service: str, variable: str, volume: str):
    folder = described_default(variable)
    assert f"{volume}:{folder}" in SERVICES[service]["volumes"]
    assert volume in COMPOSE["volumes"]
    assert re.search(rf"install -d -o 10001 [^&]*{folder}\s", (ROOT / "ops/Dockerfile").read_text())


def test_the_fallback_receiver_starts_while_everything_else_is_down():
    assert SERVICES["fallback"]["depends_on"] == {}


def described_default(variable: str) -> str:
    return next(default for name, default, _ in described() if name == variable)


def test_the_image_installs_exactly_the_lock_and_names_no_index():
    dockerfile = (ROOT / "ops/Dockerfile").read_text()
    assert "pip install --require-hashes -r" in dockerfile
    assert "ops/requirements/runtime.lock" in dockerfile
    assert not re.search(r"https?://", dockerfile)
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", dockerfile, re.MULTILINE)
