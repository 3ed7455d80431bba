"""The data files: all readable, each with its source, and packed with the code."""

import tomllib
from pathlib import Path

import pytest

import shared.data
from shared.data import read

FILES = sorted(Path(shared.data.__file__).parent.glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_data_file_says_where_its_facts_are_from(path):
    said = read(path.stem)
    assert said.get("source") or said.get("sources") or said.get("about")


def test_a_file_is_parsed_once():
    assert read("gsm7") is read("gsm7")


def test_a_file_that_is_not_there_is_an_error():
    with pytest.raises(FileNotFoundError):
        read("no_such_file")


def test_the_files_are_packed_with_the_code():
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["setuptools"]["package-data"]["shared.data"] == ["*.json"]
