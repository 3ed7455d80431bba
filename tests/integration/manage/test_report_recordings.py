"""Calls whose recording is missing, from the command line."""

from shared.db import alerts
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, TENANT, event

CALL = "CA" + "1" * 32


def alarm(world):
    world.happens(event("call", answer="forward", CallSid=CALL, CallStatus="completed", From=CUSTOMER, To=BUSINESS,
                        Direction="inbound"))  # fmt: skip
    with world.rt.db.connection() as conn:
        at = conn.execute("select now()").fetchone()[0]
        alerts.keep(conn, event_key=alerts.of_recording(CALL), source="recording-missing", level="error", code=16101,
                    resource_sid=CALL, account_sid="AC" + "0a" * 16, at=at)  # fmt: skip


def test_a_call_whose_recording_is_missing_is_shown_until_it_comes(cli, world):
    assert cli.json("report", "recordings-missing") == []
    alarm(world)
    (shown,) = cli.json("report", "recordings-missing")
    assert (shown["call_sid"], shown["tenant_id"], shown["called"]) == (CALL, TENANT, BUSINESS)
    assert (shown["recording_state"], shown["code"], shown["resolved_at"]) == (None, 16101, None)
    assert CUSTOMER not in cli("report", "recordings-missing").output
    assert cli.json("report", "recordings-missing", "--tenant", "another") == []
    with world.rt.db.connection() as conn:
        assert alerts.resolve(conn, alerts.of_recording(CALL))
        assert not alerts.resolve(conn, alerts.of_recording(CALL))
    assert cli.json("report", "recordings-missing") == []
    (shown,) = cli.json("report", "recordings-missing", "--all")
    assert shown["resolved_at"] is not None
