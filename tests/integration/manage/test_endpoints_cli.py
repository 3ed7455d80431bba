"""Endpoints from the command line."""

import json
from threading import Event as Signal
from threading import Thread

import pytest

from shared.db import audit, notifications
from shared.domain.endpoint_secret import checked_secret
from workers.relay import Relay

pytestmark = pytest.mark.made_up_notices

URL, SECRET, SECOND = "https://hooks.example.com/in", "whsec_" + "A" * 32, "whsec_" + "B" * 32


@pytest.fixture
def relaying(world):
    """A relay that goes on by itself."""
    relay, is_over = Relay(world.rt), Signal()

    def rounds():
        while not is_over.is_set():
            relay.once()

    thread = Thread(target=rounds)
    thread.start()
    yield
    is_over.set()
    relay.bell()
    thread.join()
    relay.close()


@pytest.fixture
def inside(cli):
    """The operator allows receivers on this machine."""
    cli.environ["TS_EVENT_ALLOW"] = "127.0.0.1"
    return cli


def test_an_endpoint_is_added_shown_and_listed_with_all_that_was_said(cli):
    secret = cli(
        "endpoints", "add", "crm", URL, "--type", "call.missed", "--type", "sms.received", "--tenant", "t-1",
        "--description", "the CRM", "--header", "X-Team: blue", "--header", "X-Key: a:b", "--rate", "2.5",
        "--concurrency", "3",
    ).output.strip()  # fmt: skip
    checked_secret(secret)
    (shown,) = cli.json("endpoints", "show", "crm")
    assert (shown["types"], shown["tenant_id"], shown["description"]) == (
        ["call.missed", "sms.received"],
        "t-1",
        "the CRM",
    )
    assert (shown["header_names"], shown["rate_per_s"], shown["concurrency"]) == (["x-key", "x-team"], 2.5, 3)
    assert (shown["circuit"], shown["waiting"], shown["attempts"]) == ("closed", 0, [])
    assert [row["id"] for row in cli.json("endpoints", "list", "--tenant", "t-1")] == ["crm"]
    for said in (cli("endpoints", "list").output, cli("endpoints", "show", "crm").output):
        assert URL in said
        assert secret not in said


def test_a_secret_of_ones_own_is_read_from_a_file(cli, world, tmp_path):
    (tmp_path / "secret").write_text(SECRET + "\n")
    (made,) = cli.json("endpoints", "add", "crm", URL, "--secret-file", str(tmp_path / "secret"), "--disabled")
    assert (made["secret"], made["enabled"]) == (SECRET, False)
    (tmp_path / "secret").write_text(SECOND)
    assert cli("endpoints", "rotate", "crm", "--secret-file", str(tmp_path / "secret")).output == SECOND + "\n"
    assert world.rows("select secret, previous_secret from endpoints where id = 'crm'") == [(SECOND, SECRET)]


def test_what_is_set_changes_and_the_rest_stays(cli):
    cli(
        "endpoints",
        "add",
        "crm",
        URL,
        "--type",
        "call.missed",
        "--header",
        "X-A: 1",
        "--header",
        "X-B: 2",
        "--rate",
        "3",
    )
    (shown,) = cli.json("endpoints", "set", "crm", "--concurrency", "2", "--header", "X-A:", "--header", "X-C: 3")
    assert (shown["concurrency"], shown["header_names"], shown["rate_per_s"]) == (2, ["x-b", "x-c"], 3)
    (shown,) = cli.json("endpoints", "set", "crm", "--all-types", "--unlimited", "--tenant", "t-1", "--if-version", "2")
    assert (shown["types"], shown["rate_per_s"], shown["tenant_id"], shown["version"]) == ([], None, "t-1", 3)
    assert "version 3" in cli("endpoints", "set", "crm", "--everybody", "--if-version", "2", status=1).output
    assert cli.json("endpoints", "set", "crm", "--everybody")[0]["tenant_id"] is None
    cli("endpoints", "set", "crm", "--all-types", "--type", "sms.sent", status=2)


def test_it_is_disabled_enabled_rotated_and_removed_and_the_audit_says_who_did_it(cli, world):
    cli("endpoints", "add", "crm", URL)
    assert cli.json("endpoints", "disable", "crm")[0]["disabled_reason"] == "asked"
    assert [row["id"] for row in cli.json("endpoints", "list", "--disabled")] == ["crm"]
    assert cli.json("endpoints", "enable", "crm")[0]["enabled"] is True
    (rotated,) = cli.json("endpoints", "rotate", "crm", "--overlap-hours", "0.5")
    assert rotated["previous_until"] is not None
    with world.rt.db.connection() as conn:
        notifications.notify(conn, "call.missed", subject="1", tenant_id=None, order_key="one", data={})
    assert cli.json("endpoints", "show", "crm")[0]["waiting"] == 1
    assert cli.json("endpoints", "remove", "crm") == [{"id": "crm", "canceled": 1}]
    cli("endpoints", "show", "crm", status=1)
    with world.rt.db.connection() as conn:
        entries = audit.of_subject(conn, "crm")
    assert [entry.action for entry in entries] == [
        "endpoint.created", "endpoint.disabled", "endpoint.enabled", "endpoint.rotated", "endpoint.deleted",
    ]  # fmt: skip
    assert all(entry.actor.startswith("cli:") for entry in entries)
    assert rotated["secret"] not in json.dumps([entry.detail for entry in entries])


def test_a_test_prints_what_the_receiver_answered(inside, world, relaying):
    world.listens_only("nobody")
    inside("endpoints", "add", "crm", f"{world.subscriber.url}/crm")
    tested = inside("endpoints", "test", "crm").output
    assert "delivered" in tested
    assert '{"success": true}' in tested
    assert world.subscriber.got[-1][2]["type"] == "endpoint.test"
    world.subscriber.answers = [(422, {"why": "not like this"})]
    refused = inside("endpoints", "test", "crm", status=1).output
    for said in ("waits", "http_422", "not like this"):
        assert said in refused


def test_a_test_without_workers_says_that_it_waits(cli):
    cli("endpoints", "add", "crm", URL)
    assert "waits" in cli("endpoints", "test", "crm", "--wait", "0", status=1).output
    cli("endpoints", "disable", "crm")
    assert "disabled" in cli("endpoints", "test", "crm", status=1).output


@pytest.mark.parametrize(
    "words",
    [["add", "Bad Name", URL], ["add", "a", "http://hooks.example.com/"], ["add", "a", "https://10.0.0.1/"],
     ["add", "a", URL, "--type", "call.mised"], ["add", "a", URL, "--header", "Host: x"], ["add", "a", URL, "--header", "x"],
     ["add", "a", URL, "--adapter", "as-call-service", "--type", "sms.sent"], ["set", "all", "--url", "nonsense"],
     ["rotate", "all", "--overlap-hours", "169"], ["set", "all", "--concurrency", "0"]],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(cli, words):
    cli("endpoints", *words, status=2)


def test_what_is_not_there_or_already_there_is_said(cli):
    assert "taken" in cli("endpoints", "add", "all", URL, status=1).output
    for words in (["show"], ["enable"], ["rotate"], ["test"], ["remove"], ["set"]):
        assert "no endpoint" in cli("endpoints", *words, "nobody", status=1).output
    assert "no door" in cli("endpoints", "test", "as-call", status=1).output
    cli("endpoints", "rotate", "as-call", status=1)
