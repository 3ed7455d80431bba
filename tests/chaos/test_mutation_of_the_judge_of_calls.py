"""The judge of calls finds whom a service that knows no doubt calls twice. That ours does not, `./ops/faults calls` shows."""

from pathlib import Path

import pytest

from tests.chaos.laboratory import faults

WITHIN_S = 150  # a start, 10 s of load and its retries, on a busy machine

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(WITHIN_S + 20)]


def test_the_judge_finds_whom_a_naive_service_calls_twice(tmp_path: Path):
    code, told, evidence = faults("calls", "--naive", within_s=WITHIN_S, keep=tmp_path)
    found = told["violations"]
    placed = [broken for broken in found if broken["rule"] == 6 and "TWICE" in broken["what"]]
    assert (code, told["ok"], bool(placed)) == (1, False, True)
    # The evidence shows each of them twice in the ledger, under two names of Twilio's.
    for broken in placed:
        sids = {entry["sid"] for entry in evidence["dialled"] if entry["call_id"] == broken["about"]}
        assert len(sids) > 1
    # Its tasks may overtake each other (4), and a lost answer to a text would have it sent again (3).
    assert {broken["rule"] for broken in found} <= {3, 4, 6}
