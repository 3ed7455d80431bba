"""The judge of recordings finds each promise broken, in readings of a real house of which one thing is changed. That ours
breaks none, `./ops/faults recordings` shows.
"""

import json

import pytest

from ops.faultlab.recordings.judge import violations
from ops.faultlab.recordings.told import Case
from tests.chaos.laboratory import faults
from tests.recording_readings import ALSO, MUTATIONS, case_of

WITHIN_S = 150  # a start, 8 s of load, and what an operator does then, on a busy machine

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(WITHIN_S + 20)]


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Of a house in which nothing broke."""
    folder = tmp_path_factory.mktemp("recordings")
    code, told, _ = faults("recordings", "--calm", within_s=WITHIN_S, keep=folder)
    assert (code, told["ok"], told["violations"]) == (0, True, [])
    return case_of(json.loads((folder / "case.json").read_text()))


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_judge_finds_what_a_lesser_service_would_have_done(readings: Case, name: str):
    rule, change = MUTATIONS[name]
    assert violations(readings) == []
    found = {broken.rule for broken in violations(change(readings))}
    assert rule in found
    assert found <= {rule} | ALSO.get(name, set())


def test_every_promise_has_a_way_to_be_broken():
    assert {rule for rule, _ in MUTATIONS.values()} == set(range(12))
