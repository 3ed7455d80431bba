"""Senders and the account from the command line."""

from shared.db import senders
from tests.integration.outgoing import kept

NUMBER, SERVICE = "+14155550100", "MG" + "0a" * 16


def put_to_sleep(world, reason):
    with world.rt.db.connection() as conn:
        kept(conn, pace_key=NUMBER)
        conn.execute("update jobs set awake = false, next_at = now() + interval '1 hour', last_error = %s", (reason,))


def test_a_sender_is_set_and_listed(cli):
    (made,) = cli.json(
        "senders", "set", NUMBER, "--tenant", "t-1", "--service", SERVICE, "--rate", "2.5", "--per-day", "900"
    )
    assert (made["kind"], made["segments_per_s"], made["rate_from"]) == ("long-code", 2.5, "sender")
    assert cli.json("senders", "list", "--tenant", "t-1") == [made]
    assert cli.json("senders", "list", "--service", "MG" + "1" * 32) == []
    (bare,) = cli.json("senders", "set", NUMBER)
    assert (bare["tenant_id"], bare["segments_per_s"], bare["rate_from"]) == (None, 1, "kind")
    assert NUMBER in cli("senders", "list").output


def test_a_paused_sender_is_resumed_with_what_it_has_put_off(cli, world):
    (paused,) = cli.json("senders", "pause", NUMBER, "--minutes", "30", "--reason", "new carrier")
    assert paused["pause_reason"] == "new carrier"
    put_to_sleep(world, "new carrier")
    assert [row["texts_asleep"] for row in cli.json("senders", "list")] == [1]
    (resumed,) = cli.json("senders", "resume", NUMBER)
    assert (resumed["paused_until"], resumed["texts_waiting"], resumed["texts_asleep"]) == (None, 1, 0)
    assert "is not paused" in cli("senders", "resume", NUMBER, status=1).output


def test_a_paused_account_is_shown_and_resumed_with_what_it_has_put_off(cli, world):
    sid = world.rt.settings.twilio_account_sid
    with world.rt.db.connection() as conn:
        senders.pause_account(conn, sid, seconds=600, reason="twilio 20003")
    put_to_sleep(world, "account paused")
    assert [(row["account_sid"], row["reason"]) for row in cli.json("account", "show")] == [(sid, "twilio 20003")]
    assert sid in cli("account", "resume").output
    assert cli.json("account", "show") == []
    assert world.rows("select awake, next_at <= now() from jobs") == [(True, True)]
    cli("account", "resume", sid, status=1)


def test_what_cannot_be_meant_is_refused(cli):
    cli("senders", "set", "12", status=2)
    cli("senders", "set", NUMBER, "--rate", "0", status=2)
    cli("senders", "set", NUMBER, "--service", "MG1", status=2)
    cli("senders", "set", SERVICE, "--service", SERVICE, status=2)
    cli("senders", "pause", NUMBER, "--minutes", "0", "--reason", "why", status=2)
    assert cli.json("senders", "list") == []
