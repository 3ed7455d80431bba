"""The Procfile: what is in it, and how its commands are run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.stack import house, procfile

ROOT = Path(__file__).parents[3]


def test_comments_and_empty_lines_say_nothing(tmp_path: Path):
    (tmp_path / "Procfile").write_text("# words\n\nweb: serve --port 1\n")
    assert procfile.read(tmp_path / "Procfile") == {"web": "serve --port 1"}


@pytest.mark.parametrize("text", ["web serve\n", "web: a\nweb: b\n", "two words: a\n"])
def test_a_line_that_is_no_process_is_named(tmp_path: Path, text: str):
    (tmp_path / "Procfile").write_text(text)
    with pytest.raises(procfile.BadProcfile, match="Procfile, line"):
        procfile.read(tmp_path / "Procfile")


def test_a_command_sees_variables_and_becomes_the_program_itself():
    program = "import os, sys; print(os.getpid(), sys.argv[1])"
    argv = procfile.argv(f"{sys.executable} -c '{program}' ${{PORT:-5}}")
    with subprocess.Popen(argv, env={**os.environ, "PORT": "7"}, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        assert started.stdout.read().split() == [str(started.pid), "7"]


def test_our_own_procfile_names_every_process_that_has_a_place_in_the_stop_order():
    ours = set(procfile.read(ROOT / "Procfile"))
    placed = {name for group in house.STOP_ORDER for name in group}
    assert ours <= placed
    assert placed - ours == {"simulator", "standins", "redis", "postgres", "s3"}
