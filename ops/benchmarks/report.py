"""What a scenario has found, as tables and goals in Markdown: the same text for the terminal and for the document."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ops.benchmarks import machine

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "performance.md"


class NoPlace(ValueError):
    """The document has no markers for a section."""


@dataclass(frozen=True)
class Goal:
    """`is_met` None: it could not be measured."""

    text: str
    measured: str
    is_met: bool | None


@dataclass(frozen=True)
class Table:
    """Rows of words, the first column names them."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """One scenario's result."""

    name: str
    title: str
    tables: Sequence[Table]
    goals: Sequence[Goal] = ()
    notes: Sequence[str] = field(default_factory=tuple)


def goal(text: str, measured: float | None, shown: str, is_met: bool) -> Goal:
    """A goal with its figure; not measured when there is none."""
    return Goal(text, shown, is_met) if measured else Goal(text, "not measured", None)


def markdown(section: Section, facts: str) -> str:
    """The whole section; `facts` says when and where it was measured."""
    parts = [f"### {section.title}", facts, *(_table(table) for table in section.tables)]
    if section.goals:
        rows = [(goal.text, goal.measured, _verdict(goal)) for goal in section.goals]
        parts.append(_table(Table(["goal", "measured", ""], rows)))
    parts += ["\n".join(f"- {note}" for note in section.notes)] if section.notes else []
    return "\n\n".join(parts)


def facts(command: str, speed_ms: float, fsync_ms: float) -> str:
    """When, where and with what these figures were measured."""
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC by `{command}`: {machine.described()}; {machine.versions()}. "
        f"Calibration loop {speed_ms:.1f} ms, fdatasync of 1 kB {fsync_ms:.2f} ms (median)."
    )


def write(name: str, text: str, document: Path = DOCUMENT) -> None:
    """Replace what stands between the markers of section `name`. Raises NoPlace."""
    begin, end = f"<!-- bench {name} -->", f"<!-- /bench {name} -->"
    whole = document.read_text(encoding="utf-8")
    before, found, rest = whole.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise NoPlace(f"{document.name} has no {begin} … {end}")
    document.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def _verdict(goal: Goal) -> str:
    return {True: "met", False: "**not met**", None: "not measured"}[goal.is_met]


def _table(table: Table) -> str:
    rows = [[*table.columns], *([*row] for row in table.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.columns))]
    lines = [
        "| " + " | ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
