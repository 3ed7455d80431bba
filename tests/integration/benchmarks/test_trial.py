"""A run counts only when every answer was 2xx and the store holds exactly what was acknowledged."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ops.benchmarks import corpus, field, options, subjects, trial
from ops.benchmarks.field import Bench
from ops.benchmarks.load import Answers, Generator
from ops.benchmarks.subjects import Subject
from ops.benchmarks.trial import Trial, measured

COUNT = 100


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    asked = options.parse(["ingress", "--quick"])  # quick: a disturbed run is not repeated
    with field.opened(asked, tmp_path_factory.mktemp("bench"), corpus.requests(20_000)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_WARM_UP_S", 0.05)
    monkeypatch.setattr(trial, "_SETTLED_WITHIN_S", 0.5)


def load(generator: Generator) -> Answers:
    return generator.paced(COUNT, 500)


def run(bench: Bench, subject: Subject) -> Trial:
    return measured(bench, subject, load, connections=4)


def test_a_run_whose_store_agrees_counts_and_leaves_nothing_behind(bench: Bench):
    found = run(bench, subjects.NAIVE)
    assert found.fault == ""
    assert found.answers.statuses == {204: COUNT}
    assert found.cpu_us("subject") > 0
    assert found.cpu_us("redis") >= 0  # a hundred webhooks may cost Redis less than one tick of the kernel's clock
    assert {path.name for path in bench.folder.iterdir()} <= {"postgres", "postgres.log"}


def test_a_subject_without_a_store_is_believed(bench: Bench):
    assert run(bench, subjects.BARE).fault == ""


@pytest.mark.parametrize(
    ("more", "said"), [(-1, "1 acknowledged but not stored"), (2, "2 stored but not acknowledged")]
)
def test_a_run_whose_store_disagrees_does_not_count(bench: Bench, more: int, said: str):
    def lies(redis) -> int:
        return redis.llen("celery") + more

    assert run(bench, replace(subjects.NAIVE, stored=lies)).fault == said


def test_a_run_with_refused_webhooks_does_not_count(bench: Bench):
    found = run(bench, replace(subjects.NAIVE, env={"TWILIO_AUTH_TOKEN": "of another account"}))
    assert "answers: {403: " in found.fault
    assert found.answers.acks == 0


def test_a_subject_that_does_not_start_is_a_fault_and_not_the_end(bench: Bench):
    assert run(bench, replace(subjects.NAIVE, command="false")).fault.startswith("GaveUp")


def test_a_store_is_spoilt_before_the_load_and_mended_before_anything_is_counted(bench: Bench):
    order: list[str] = []
    found = measured(
        bench,
        replace(subjects.NAIVE, stored=lambda redis: order.append("counted") or redis.llen("celery")),
        lambda generator: order.append("loaded") or load(generator),
        connections=4,
        spoil=lambda _: order.append("spoilt"),
        mend=lambda _: order.append("mended"),
    )
    assert (order, found.fault) == (["spoilt", "loaded", "mended", "counted"], "")


def test_the_service_gets_nothing_from_a_stack_that_runs_beside(bench: Bench, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("TS_BIND", "127.0.0.1:4000")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "a real one")
    from ops.stack.runfolder import RunFolder

    env = field.service_env(RunFolder(tmp_path), "postgresql://x")
    assert env["TS_BIND"] != "127.0.0.1:4000"
    assert env["TWILIO_AUTH_TOKEN"] == corpus.TOKEN
    assert env["PATH"].endswith(os.environ["PATH"])
