"""Some recordings through the real house: the scenarios find each stored and intact, heard as it is, and listed."""

from collections.abc import Iterator

import pytest

from ops.benchmarks import field, options
from ops.benchmarks.field import Bench
from ops.benchmarks.report import Section
from ops.benchmarks.scenarios import arrive, listen, recording_list, store

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    asked = options.parse(["recordings", "--quick", "--seconds", "2"])
    with field.opened(asked, tmp_path_factory.mktemp("bench"), []) as opened:
        yield opened


def goals(section: Section) -> dict[str, bool | None]:
    return {goal.text: goal.is_met for goal in section.goals}


def test_all_that_come_at_once_are_stored_and_intact_and_memory_is_told(bench: Bench):
    section = store.measure(bench)
    row = dict(zip(section.tables[0].columns, section.tables[0].rows[0], strict=True))
    assert (row["recordings"], row["stored"], row["intact"], row["MB"]) == ("8", "8", "8", "40")
    memory = {line[0]: [int(figure) for figure in line[1:]] for line in section.tables[1].rows}
    assert set(memory) >= {"recordings", "ingress", "all workers"}
    assert all(peak > 20 for _, peak, _ in memory.values())
    assert goals(section)["all 8 stored and intact"] is True


def test_all_that_come_one_by_one_are_stored_and_intact(bench: Bench):
    section = arrive.measure(bench)
    assert section.tables[0].rows[0][:3] == ["4", "4", "4"]
    assert goals(section)["all 4 stored and intact"] is True


def test_what_is_heard_is_what_is_stored_by_slow_readers_too(bench: Bench):
    section = listen.measure(bench)
    heard, _, slow = section.tables
    assert {line[0] for line in heard.rows} >= {
        "metadata",
        "1 MB",
        "5 MB",
        "a range of 64 kB",
        "a link",
        "the waveform",
    }
    assert all(int(line[2].replace(",", "")) > 0 and line[-1] == "0" for line in heard.rows)
    seated = {line[0]: int(line[2]) for line in slow.rows}
    assert 0 < seated["8"] <= 8
    assert seated[str(listen.ROOMY_THREADS)] == listen.READERS
    assert goals(section)["answers with other bytes: 0"] is True


def test_pages_hold_what_they_must(bench: Bench):
    section = recording_list.measure(bench)
    assert all((line[1], line[3]) == ("8", "0") for line in section.tables[0].rows)
    assert goals(section)["wrong pages: 0"] is True
