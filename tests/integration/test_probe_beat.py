"""Beat is healthy when some beat has claimed a slot within the last minute."""

import psycopg
import pytest

from ops.probe_beat import is_beating


@pytest.mark.parametrize(("claimed_ago", "beats"), [("1 second", True), ("50 seconds", True), ("2 minutes", False)])
def test_a_recent_claim_is_a_beat(database_url: str, claimed_ago: str, beats: bool):
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "insert into beat_slots (task, slot, claimed_at) values ('tick', now(), now() - %s::interval)",
            (claimed_ago,),
        )
    assert is_beating(database_url) is beats


def test_no_claim_at_all_is_none(database_url: str):
    assert is_beating(database_url) is False
