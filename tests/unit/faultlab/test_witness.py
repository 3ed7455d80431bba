"""The history on disk, the samples of Redis's files, the figures, and that the judging side shares nothing with the service."""

import ast
import time
from pathlib import Path

import pytest

from ops.faultlab import history, latency
from ops.faultlab.aof import AofSizes
from ops.faultlab.history import Try, Writer, outcome_of
from ops.faultlab.latency import Mark

ROOT = Path(__file__).parents[3]
S = 10**9


def tried(sent_s: float, took_ms: float = 5, status: int | None = 204) -> Try:
    sent = int(sent_s * S)
    return Try(1, 1, "msg-in", "k", "t", "aa", sent, sent + int(took_ms * 1e6), outcome_of(status), status)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "ok"), (204, "ok"), (302, "fail"), (403, "fail"), (500, "info"), (503, "info"), (None, "info")],
)
def test_only_a_whole_2xx_is_a_promise(status, outcome):
    assert outcome_of(status) == outcome


def test_the_history_comes_back_from_the_disk_as_it_was(tmp_path: Path):
    entries = [tried(1), tried(2, status=None), tried(3, status=503)]
    writer = Writer(tmp_path / "history.jsonl")
    for entry in entries:
        writer.add(entry)
    writer.close()
    assert history.read(tmp_path / "history.jsonl") == entries


def test_figures_tell_refusals_from_silence_and_time_whole_answers_only():
    found = latency.figures([tried(0, 10), tried(0, 20), tried(0, 4000, 503), tried(0, 9000, None)])
    assert (found.count, found.refused, found.unanswered, found.max_ms) == (4, 1, 1, 20.0)


def test_calm_is_where_no_fault_is_near():
    marks = [Mark("redis-kill", 10 * S, 12 * S)]
    assert latency.calm([tried(8), tried(9.5), tried(11), tried(14.5), tried(16)], marks) == [tried(8), tried(16)]
    assert [faults for _, _, faults in latency.by_second([tried(9), tried(11)], marks, 0)] == [[], ["redis-kill"]]


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


def test_a_power_cut_takes_what_was_written_in_the_last_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clock, folder = Clock(monkeypatch), tmp_path / "appendonlydir"
    folder.mkdir()
    file = folder / "appendonly.aof.1.incr.aof"
    (folder / "appendonly.aof.1.base.rdb").write_bytes(b"base")
    sizes = AofSizes(tmp_path)
    for moment, written in enumerate([100, 200, 300, 400]):
        clock.now = 1000 + moment * 0.4
        file.write_bytes(b"x" * written)
        sizes.sample()
    assert sizes.cut() == 300  # 0.8 s ago there were 200, but only what is a second old is safe
    assert (file.stat().st_size, (folder / "appendonly.aof.1.base.rdb").stat().st_size) == (100, 4)


def test_a_file_that_is_younger_than_a_second_has_nothing_safe(tmp_path: Path):
    file = tmp_path / "appendonly.aof"
    file.write_bytes(b"x" * 50)
    assert AofSizes(tmp_path).cut() == 50
    assert file.stat().st_size == 0


def test_rubbish_lands_at_the_end_of_the_youngest_file(tmp_path: Path):
    for number in (1, 2):
        (tmp_path / f"appendonly.aof.{number}.incr.aof").write_bytes(b"good")
    AofSizes(tmp_path).spoil(b"bad")
    assert (tmp_path / "appendonly.aof.2.incr.aof").read_bytes() == b"goodbad"


@pytest.mark.parametrize("name", ["appendonlydir/appendonly.aof.1.incr.aof", "appendonly.aof"])
def test_files_that_cannot_be_read_are_out_of_the_way_and_kept(tmp_path: Path, name: str):
    sizes = AofSizes(tmp_path)
    for text in ("first", "second"):
        (tmp_path / "redis" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "redis" / name).write_text(text)
        sizes.set_aside()
        assert sizes.files == []
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.read_text() for path in kept} == {"first", "second"}


# These open and feed the house: they may use the service's own means. Nobody else in the laboratory may.
OPENERS = {"house.py"}


@pytest.mark.parametrize("path", sorted((ROOT / "ops/faultlab").rglob("*.py")), ids=lambda path: path.name)
def test_the_judging_side_knows_no_code_of_the_service(path: Path):
    imported = {
        name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    }
    if path.name not in OPENERS:
        assert not {name for name in imported if name.split(".")[0] in ("ingress", "workers", "shared")}
