"""Some calls of every kind through the real house: the scenario finds each whole, decides with it, and says so in its table."""

from collections.abc import Iterator

import pytest

from ops.benchmarks import calling, field, options
from ops.benchmarks.field import Bench
from ops.benchmarks.scenarios import calls

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    asked = options.parse(["calls", "--quick", "--calls", "18"])
    with field.opened(asked, tmp_path_factory.mktemp("bench"), []) as opened:
        yield opened


def test_every_call_of_every_kind_is_whole_in_our_books_and_decided_as_it_went(bench: Bench):
    section = calls.measure(bench)
    found, cpu, kinds = section.tables
    row = dict(zip(found.columns, found.rows[0], strict=True))
    assert (row["calls"], row["whole"], row["decided right"]) == ("18", "18", "18")
    assert 1 < int(row["at once"]) <= 18
    assert "owed" not in row["remarks"]
    assert [line[0] for line in kinds.rows] == [kind.name for kind in calling.KINDS]
    went = {line[0]: line[2] for line in kinds.rows}
    assert went["answered"] == "3 answered"
    assert went["nobody answers, voicemail"] == went["busy"] == went["caller hangs up while it rings"] == "3 missed"
    sent, _, missed = row["texts"].partition(" of ")
    assert int(sent) == int(missed) >= 9
    assert [goal.is_met for goal in section.goals[:2]] == [True, True]
    assert float(cpu.rows[0][1]) > 0
