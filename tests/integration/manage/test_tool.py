"""What holds for every command: where it finds the stores, what it says when they are away, and what it refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.workers.conftest import CUSTOMER, event

ROOT = Path(__file__).parents[3]
NOWHERE = "127.0.0.1:9"  # nobody listens there


def test_a_container_that_knows_its_database_by_a_file_is_migrated_and_repaired(cli, tmp_path):
    """docker-compose.yml gives every secret this way, to `migrate` before all others."""
    (tmp_path / "url").write_text(cli.environ.pop("TS_DATABASE_URL") + "\n")
    cli.environ["TS_DATABASE_URL_FILE"] = str(tmp_path / "url")
    assert "up to date" in cli("migrate", "--check").output
    assert cli.json("inbox", "aside", "list") == []
    assert cli.json("events", "replay", "--since", "1h")["examined"] == 0


def test_a_sandbox_in_this_folder_does_not_stand_in_for_the_database_that_a_file_names(cli, tmp_path):
    (tmp_path / "env").write_text(f"export TS_DATABASE_URL=postgresql://sandbox@{NOWHERE}/sandbox\n")
    (tmp_path / "url").write_text(cli.environ.pop("TS_DATABASE_URL"))
    cli.environ |= {"TS_RUN_DIR": str(tmp_path), "TS_DATABASE_URL_FILE": str(tmp_path / "url")}
    assert cli.json("keys", "list") == []


@pytest.mark.parametrize(
    "words",
    [["inbox", "aside", "list"], ["inbox", "aside", "replay", "--all"], ["events", "replay", "--since", "1h"],
     ["numbers", "sync"], ["keys", "list"], ["migrate"], ["migrate", "--check"]],
)  # fmt: skip
def test_without_postgresql_a_command_says_so_and_what_to_do(cli, words):
    cli.environ["TS_DATABASE_URL"] = f"postgresql://ts:secret-word@{NOWHERE}/ts"
    told = cli(*words, status=1).output
    assert "Is PostgreSQL running, and does TS_DATABASE_URL name it?" in told
    assert "secret-word" not in told


@pytest.mark.parametrize("words", [["inbox", "list"], ["inbox", "show", "x"], ["inbox", "replay", "--all"]])
def test_without_redis_a_command_says_so_and_what_to_do(cli, words):
    cli.environ["TS_REDIS_URL"] = f"redis://:secret-word@{NOWHERE}/0"
    told = cli(*words, status=1).output
    assert "Is Redis running, and does TS_REDIS_URL name it?" in told
    assert "secret-word" not in told


@pytest.mark.parametrize("url", ["redis://127.0.0.1:99999/0", "redis://127.0.0.1:x/0", "http://x"])
def test_an_address_that_is_none_is_named(cli, url):
    cli.environ["TS_REDIS_URL"] = url
    assert "TS_REDIS_URL" in cli("inbox", "list", status=1).output


def test_a_database_that_nobody_has_migrated_is_told_apart_from_one_that_is_away(world, cli):
    with world.rt.db.connection() as conn:
        conn.execute("alter table set_aside rename to set_aside_of_old")
    assert "`migrate`" in cli("inbox", "aside", "list", status=1).output


@pytest.mark.parametrize("word", ["\udcff", "a\0b"])
@pytest.mark.parametrize(
    "words",
    [["events", "replay", "--sid"], ["events", "replay", "--key"], ["inbox", "show"], ["inbox", "replay", "--id"],
     ["inbox", "aside", "show"], ["inbox", "aside", "replay", "--reason"], ["keys", "revoke"], ["numbers", "sync"]],
)  # fmt: skip
def test_what_is_no_text_is_refused(cli, words, word):
    assert "no text" in cli(*words, word, status=2).output


@pytest.mark.parametrize(
    "words",
    [["events", "replay", "--since", "999999d"], ["events", "replay", "--since", "1h", "--until", "2h"],
     ["events", "replay", "--since", "2999-01-01"], ["events", "replay", "--since", "1h", "--kind", "dail"],
     ["endpoints", "add", "Bad Name", "https://a.example"], ["endpoints", "add", "a", "file:///etc/hosts"],
     ["endpoints", "add", "a", "nonsense"], ["endpoints", "add", "a", "http://[x"],
     ["numbers", "set", "+14155550100", "--tenant", "t", "--greeting", "x" * 1001]],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(cli, words):
    cli(*words, status=2)


def test_a_subject_that_nobody_knows_is_not_taken_for_one_that_is_well(cli):
    assert cli.json("events", "replay", "--sid", "CA" + "f" * 32, status=1)["examined"] == 0
    assert cli.json("events", "replay", "--since", "1h", "--kind", "dial")["examined"] == 0


def test_a_replay_moves_no_counter_of_the_service(world, cli, tmp_path):
    world.happens(event("call", CallSid="CA" + "1" * 32, CallStatus="ringing", From=CUSTOMER, NeverSeen="1"))
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", "events", "replay", "--since", "1h", "--json"],
        env={**os.environ, **cli.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        cwd=ROOT, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["examined"] == 1
    assert list(tmp_path.iterdir()) == []
