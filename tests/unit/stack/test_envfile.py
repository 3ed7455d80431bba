"""The env file is read the same by us and by a shell, and never seen half written."""

import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.stack import envfile

LINES = st.text(st.characters(blacklist_characters="\n\x00", blacklist_categories=["Cs"]), max_size=40)


def test_only_the_owner_may_read_it(tmp_path: Path):
    envfile.write(tmp_path / "env", {"A": "1"})
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600


@given(value=LINES)
def test_every_value_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, value: str):
    path = tmp_path_factory.mktemp("env") / "env"
    envfile.write(path, {"A": value, "B": "end"})
    assert envfile.read(path) == {"A": value, "B": "end"}


def test_a_shell_reads_what_we_wrote(tmp_path: Path):
    value = """it's $HOME "and" `date` \\n # no comment"""
    envfile.write(tmp_path / "env", {"A": value})
    shell = subprocess.run(["/bin/sh", "-c", '. "$0"; printf %s "$A"', str(tmp_path / "env")], capture_output=True)
    assert shell.stdout.decode() == value


def test_a_value_of_two_lines_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="one line"):
        envfile.write(tmp_path / "env", {"A": "1\n2"})
    assert not (tmp_path / "env").exists()


def test_no_file_means_no_values(tmp_path: Path):
    assert envfile.read(tmp_path / "env") == {}
