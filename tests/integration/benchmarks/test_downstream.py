"""A small day and a few webhooks through the real house: the scenarios find everybody told, once and in order."""

from collections.abc import Iterator, Mapping

import pytest

from ops.benchmarks import field, options
from ops.benchmarks.field import Bench
from ops.benchmarks.report import Section, Table
from ops.benchmarks.scenarios import outage, told
from ops.benchmarks.scenarios.outage import Size

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    asked = options.parse(["downstream", "--quick", "--seconds", "1"])
    with field.opened(asked, tmp_path_factory.mktemp("bench"), []) as opened:
        yield opened


def rows(table: Table) -> list[Mapping[str, str]]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def met(section: Section) -> list[bool | None]:
    return [goal.is_met for goal in section.goals]


def test_each_of_three_subscribers_is_told_of_every_webhook(bench: Bench):
    section = told.measure(bench)
    found = {(row["subscribers"], row["until"]): row["events"] for row in rows(section.tables[0])}
    assert found == {
        ("1", "answered"): "100", ("1", "committed"): "100", ("1", "told"): "100",
        ("3", "answered"): "100", ("3", "committed"): "100", ("3", "told"): "300",
    }  # fmt: skip
    assert met(section) == [True]


def test_one_that_was_away_has_everything_and_the_other_has_not_noticed(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outage, "QUICK", Size(200, 40, 3 * 3600.0))
    section = outage.measure(bench)
    (owed,), asked, beside = (rows(table) for table in section.tables)
    assert (owed["told"], owed["lost"], owed["doubled"], owed["out of order"], owed["dead letters"]) == (
        "200", "0", "0", "0", "0",
    )  # fmt: skip
    assert 1 < int(owed["most under way"]) <= 8
    # The circuit holds: a handful opens it, then one probe a step.
    ended = {row[asked_by]: int(row["count"]) for row in asked for asked_by in row if asked_by != "count"}
    assert set(ended) == {"`connection_refused`", "`http_503`"}
    assert 5 <= sum(ended.values()) < 60
    assert all(row["missing"] == "0" and int(row["told"]) > 0 for row in beside)
    assert met(section)[:4] == [True] * 4
