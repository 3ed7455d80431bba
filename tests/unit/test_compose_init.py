"""ops/compose-init makes what docker-compose.yml reads, once, with passwords that agree with each other."""

import json
import re
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _init(folder: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "TS_COMPOSE_DIR": str(folder)}
    subprocess.run([str(ROOT / "ops/compose-init")], env=environment, check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _init(tmp_path / "compose")
    return tmp_path / "compose"


def _contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_it_makes_every_file_that_the_compose_file_names(folder: Path):
    text = (ROOT / "docker-compose.yml").read_text()
    named = set(re.findall(r"\$\{TS_COMPOSE_DIR:-\./\.run/compose\}/([\w./]+)", text))
    assert named == set(_contents(folder))


def test_a_second_run_changes_nothing(folder: Path):
    before = _contents(folder)
    _init(folder)
    assert _contents(folder) == before


def test_the_passwords_agree_with_each_other(folder: Path):
    made = {name.rpartition("/")[2]: text.strip() for name, text in _contents(folder).items()}
    assert f":{made['redis_conf'].split()[1]}@" in made["redis_url"]
    assert f":{made['postgres_password']}@" in made["database_url"]
    [identity] = json.loads(made["s3_config"])["identities"]
    assert identity["credentials"] == [
        {"accessKey": made["s3_access_key_id"], "secretKey": made["s3_secret_access_key"]}
    ]


def test_two_installations_have_different_passwords(folder: Path, tmp_path: Path):
    _init(tmp_path / "another")
    ours, theirs = _contents(folder), _contents(tmp_path / "another")
    same = {name for name in ours if ours[name] == theirs[name]}
    assert same == {"settings.env", "secrets/twilio_auth_token", "secrets/jwt_secret"}


def test_others_on_the_machine_cannot_get_in(folder: Path):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
