"""The laboratory finds what a naive service loses, or it proves nothing. That ours loses nothing, `./ops/faults` shows."""

from pathlib import Path

import pytest

from tests.chaos.laboratory import faults

# PostgreSQL stands still for 3 s, so that what is acknowledged waits in Redis; then Redis forgets everything.
SCHEDULE = ["--seed", "1", "--minutes", "0.2", "--rate", "25", "--faults", "backlog-flush"]
WITHIN_S = 100  # a start and 12 s of load, on a busy machine

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(WITHIN_S + 20)]


def test_the_checker_finds_what_a_naive_service_loses(tmp_path: Path):
    code, told, evidence = faults(*SCHEDULE, "--naive", within_s=WITHIN_S, keep=tmp_path)
    lost = [broken for broken in told["violations"] if broken["rule"] == 1 and "LOST" in broken["what"]]
    # Three seconds at some twenty events: fewer than twenty would mean that the fault did not bite.
    assert (code, told["ok"], len(lost) > 20) == (1, False, True)
    # The evidence names them, with every try that was answered.
    assert {broken["about"] for broken in lost} <= {entry["key"] for entry in evidence["tries"]}
    # It loses what it promised, and does nothing else wrong: the load itself is one that a service can carry.
    assert {broken["rule"] for broken in told["violations"]} == {1}
