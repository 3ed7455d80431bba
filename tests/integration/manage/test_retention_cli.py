"""Retention classes, legal holds and keys of one tenant from the command line."""

import re

import pytest

from shared.db import recording_deletions
from tests.integration.workers.conftest import ACCOUNT, TENANT
from tests.integration.workers.keeping import CALL, a_call, sid_of, stored

EVERYBODY = {"tenant": "", "class": "call", "keep_days": 30, "twilio_days": 7}


@pytest.fixture
def had(world):
    """Recordings 1, 2 and 3, stored one, ten and a hundred days ago."""
    with world.rt.db.connection() as conn:
        a_call(conn, conn.execute("select now()").fetchone()[0])
        return [stored(conn, world.rt.store, number, days=days) for number, days in ((1, 1), (2, 10), (3, 100))]


def written(world, subject):
    rows = world.rows("select actor, action, tenant_id, detail from audit where subject = %s order by id", subject)
    assert all(actor.startswith("cli:") for actor, *_ in rows)
    return [tuple(row[1:]) for row in rows]


def told(cli, *words):
    rows = cli.json("retention", *words)
    return [{name: row[name] for name in EVERYBODY} for row in rows]


# --- classes ---


def test_classes_are_set_changed_listed_and_unset_with_their_author(cli, world):
    cli("retention", "set", "call", "--keep", "9", "--twilio", "0")
    cli("retention", "set", "call", "--keep", "30", "--twilio", "7")
    cli("retention", "set", "voicemail", "--keep", "keep", "--twilio", "keep", "--tenant", TENANT)
    theirs = {"tenant": TENANT, "class": "voicemail", "keep_days": None, "twilio_days": None}
    assert told(cli, "list") == [EVERYBODY, theirs]
    assert told(cli, "list", "--tenant", TENANT) == [theirs]
    assert cli.json("retention", "list")[0]["changed_by"].startswith("cli:")
    cli("retention", "unset", "call")
    cli("retention", "unset", "call", status=1)
    cli("retention", "unset", "voicemail", status=1)  # everybody's: there is only the tenant's
    assert told(cli, "list") == [theirs]
    assert written(world, "call") == [
        ("retention.changed", None, {"keep_days": 9, "twilio_days": 0}),
        ("retention.changed", None, {"keep_days": 30, "twilio_days": 7}),
        ("retention.changed", None, {"removed": True}),
    ]
    assert written(world, "voicemail") == [("retention.changed", TENANT, {"keep_days": None, "twilio_days": None})]


@pytest.mark.parametrize(
    "words",
    [("call", "--keep", "0", "--twilio", "0"), ("call", "--keep", "1", "--twilio", "-1"), ("call", "--keep", "1"),
     ("call", "--keep", "36501", "--twilio", "0"), ("call", "--keep", "soon", "--twilio", "0"),
     ("Call", "--keep", "1", "--twilio", "0"), ("a" * 41, "--keep", "1", "--twilio", "0")],
)  # fmt: skip
def test_days_and_names_that_mean_nothing_are_refused(cli, world, words):
    cli("retention", "set", *words, status=2)
    assert world.one("select count(*) from retention_classes") == 0


# --- the sweep by hand ---


def test_a_dry_run_tells_what_would_go_and_why_and_changes_nothing(cli, world, had):
    cli("retention", "set", "call", "--keep", "30", "--twilio", "7", "--tenant", TENANT)
    before = world.rows("select count(*) from jobs union all select count(*) from recording_deletions")
    found = cli.json("retention", "run", "--dry-run")
    assert [(row["recording"], row["what"], row["tenant"], row["class"], row["days"]) for row in found] == [
        (had[2], "delete", TENANT, "call", 30),
        (had[1], "delete at Twilio", TENANT, "call", 7),
    ]
    assert world.rows("select count(*) from jobs union all select count(*) from recording_deletions") == before


def test_a_run_asks_for_what_the_dry_run_told_once(cli, world, had):
    cli("retention", "set", "call", "--keep", "30", "--twilio", "7")
    dry = cli.json("retention", "run", "--dry-run")
    assert cli.json("retention", "run") == dry
    assert world.rows("select recording_sid, reason, note from recording_deletions") == [
        (had[2], "retention", "call: 30 days")
    ]
    promised = "select kind, ref from jobs where kind like 'recording.%%' order by kind"
    assert world.rows(promised) == [("recording.delete", had[2]), ("recording.release", had[1])]
    assert cli.json("retention", "run") == []
    assert [entry[0] for entry in written(world, had[2])] == ["recording.delete_asked"]


def test_by_default_nothing_goes_and_nothing_that_is_held(cli, had):
    assert cli.json("retention", "run", "--dry-run") == []
    cli("retention", "set", "call", "--keep", "1", "--twilio", "0")
    cli("holds", "place", "--call", CALL, "--reason", "a case")
    assert cli.json("retention", "run", "--dry-run") == []


# --- holds ---


def test_holds_are_placed_listed_and_lifted_with_their_author(cli, world, had):
    (made,) = cli.json("holds", "place", "--recording", had[0], "--reason", "case 7")
    cli("holds", "place", "--tenant", "another", "--reason", "case 8")
    assert (made["recording_sid"], made["reason"], made["lifted_at"]) == (had[0], "case 7", None)
    assert [row["id"] for row in cli.json("holds", "list", "--tenant", TENANT)] == [made["id"]]
    assert len(cli.json("holds", "list")) == 2
    assert len(cli.json("holds", "list", "--limit", "1")) == 1
    cli("holds", "lift", made["id"])
    cli("holds", "lift", made["id"], status=1)
    cli("holds", "lift", "nonsense", status=1)
    assert cli.json("holds", "list", "--tenant", TENANT) == []
    (lifted,) = cli.json("holds", "list", "--tenant", TENANT, "--lifted")
    assert lifted["lifted_by"].startswith("cli:")
    assert written(world, had[0]) == [
        ("recording.held", TENANT, {"hold_id": made["id"], "reason": "case 7"}),
        ("recording.hold_lifted", TENANT, {"hold_id": made["id"]}),
    ]


def test_a_hold_stands_against_a_deletion_until_it_is_lifted(cli, world, had):
    (made,) = cli.json("holds", "place", "--recording", had[0], "--reason", "case 7")
    with world.rt.db.connection() as conn, pytest.raises(recording_deletions.OnHold):
        recording_deletions.ask(conn, had[0], reason="request", asked_by="test")
    cli("holds", "lift", made["id"])
    with world.rt.db.connection() as conn:
        assert recording_deletions.ask(conn, had[0], reason="request", asked_by="test")


@pytest.mark.parametrize(
    "words",
    [("--reason", "r"), ("--recording", sid_of(1), "--call", CALL, "--reason", "r"), ("--recording", sid_of(1)),
     ("--recording", sid_of(1), "--reason", ""), ("--recording", sid_of(1), "--reason", "x" * 501)],
)  # fmt: skip
def test_a_hold_is_on_one_thing_and_for_a_reason(cli, world, had, words):
    cli("holds", "place", *words, status=2)
    assert world.one("select count(*) from recording_holds") == 0


@pytest.mark.parametrize(("option", "value"), [("--recording", "RE" + "8" * 32), ("--call", "CA" + "8" * 32)])
def test_a_hold_on_what_nobody_knows_is_refused(cli, world, option, value):
    """A slip in a SID would hold nothing, and nobody would notice."""
    cli("holds", "place", option, value, "--reason", "r", status=1)
    assert world.one("select count(*) from recording_holds") == 0


# --- keys of one tenant ---


def test_a_key_is_made_for_one_tenant(cli, world):
    made = cli("keys", "create", "crm", "--scope", "recordings:read", "--tenant", TENANT).stdout
    assert re.search(r"tsk_\w+", made)
    (row,) = cli.json("keys", "list")
    assert (row["client"], row["tenant_id"]) == ("crm", TENANT)
    cli("keys", "create", "crm", "--scope", "recordings:read", "--tenant", " ", status=2)
    cli("keys", "create", "ops", "--scope", "recordings:read")
    assert world.rows("select client, tenant_id from api_keys order by client") == [("crm", TENANT), ("ops", None)]
    assert ACCOUNT.token not in made
