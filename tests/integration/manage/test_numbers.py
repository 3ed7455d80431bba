"""Numbers from the command line: set, looked at, tried, and taken back."""

import getpass
import json

import pytest

from shared.db import numbers
from shared.domain.routing import Routing, forwards

# The number of the other tests' story is BUSINESS; this one is new.
NUMBER, OWNER, SECOND, CUSTOMER = "+14155550170", "+14155550171", "+14155550172", "+12125550142"
NOON, NIGHT = "2026-03-02T12:00-0800", "2026-03-03T00:30:00-0800"


@pytest.fixture
def number(cli):
    cli("numbers", "set", NUMBER, "--tenant", "t", "--forward-to", OWNER)
    return lambda: cli.json("numbers", "show", NUMBER)


def test_a_number_is_set_with_the_options_of_old(cli, world):
    done = cli(
        "numbers", "set", NUMBER, "--tenant", "t", "--forward-to", OWNER, "--ring", "25", "--record", "--no-voicemail",
        "--greeting", "Hello.",
    )  # fmt: skip
    assert f"{NUMBER} forwards to {OWNER}" in done.output
    with world.rt.db.connection() as conn:
        found = numbers.find(conn, NUMBER)
    assert (found.tenant_id, found.version, found.routing.targets[0].to) == ("t", 1, OWNER)
    rules = found.routing
    assert (rules.ring_s, rules.recording.mode, rules.voicemail, rules.greeting) == (25, "on", False, "Hello.")
    assert "answers with voicemail" in cli("numbers", "set", NUMBER, "--tenant", "t").output
    with world.rt.db.connection() as conn:
        assert numbers.find(conn, NUMBER).routing == Routing()


def test_hours_phones_and_the_emergency_are_set_by_options(cli):
    cli(
        "numbers", "set", NUMBER, "--tenant", "t", "--forward-to", OWNER, "--forward-to", "client:desk", "--at-once",
        "--fallback-to", SECOND, "--screening", "press", "--zone", "America/Los_Angeles", "--hours", "mon-fri=08:00-12:00",
        "--hours", "mon-thu=13:00-17:00", "--hours", "sat=18:00-02:00", "--us-holidays", "closed", "--closed-on", "2026-12-24",
        "--emergency-to", SECOND, "--language", "es-MX", "--closed-greeting", "Cerrado.",
    )  # fmt: skip
    rules = cli.json("numbers", "show", NUMBER)["routing"]
    assert (rules["strategy"], [each["to"] for each in rules["targets"]]) == ("at_once", [OWNER, "client:desk"])
    week = rules["hours"]["week"]
    assert (week["mon"], week["fri"], week["sat"], week["sun"]) == (
        [["08:00", "12:00"], ["13:00", "17:00"]], [["08:00", "12:00"]], [["18:00", "02:00"]], [],
    )  # fmt: skip
    assert (rules["hours"]["us_holidays"], rules["hours"]["closed_on"]) == ("closed", ["2026-12-24"])
    assert (rules["fallback_to"], rules["screening"], rules["emergency"]["to"]) == (SECOND, "press", SECOND)
    assert (rules["language"], rules["closed_greeting"]) == ("es-MX", "Cerrado.")


def test_what_is_not_said_is_as_by_default_or_stays_where_it_is_asked_to(cli, number):
    cli("numbers", "set", NUMBER, "--keep", "--ring", "30", "--zone", "UTC", "--hours", "mon=08:00-17:00")
    cli("numbers", "set", NUMBER, "--keep", "--zone", "Asia/Tokyo")
    rules = number()["routing"]
    assert (rules["targets"][0]["to"], rules["ring_s"], rules["hours"]["zone"], rules["hours"]["week"]["mon"]) == (
        OWNER, 30, "Asia/Tokyo", [["08:00", "17:00"]],
    )  # fmt: skip
    cli("numbers", "set", NUMBER, "--ring", "30")
    assert (number()["tenant_id"], number()["routing"]["targets"], number()["routing"]["hours"]) == ("t", [], None)


def test_what_show_says_can_be_set_from_a_file_with_options_on_top(cli, number, tmp_path):
    shown = number()
    for said in (shown, shown["routing"]):
        (tmp_path / "n.json").write_text(json.dumps(said))
        cli("numbers", "set", NUMBER, "--file", str(tmp_path / "n.json"))
        assert number() == shown
    cli("numbers", "set", NUMBER, "--file", str(tmp_path / "n.json"), "--forward-to", SECOND)
    assert number()["routing"] == shown["routing"] | {"targets": [{"to": SECOND, "ring_s": None}]}


@pytest.mark.parametrize(("said", "told"), [
    ({"targets": [{"to": "911"}], "ring_s": 0, "music": 1}, ["/targets/0/to: ", "/ring_s: ", "/music: Unknown field."]),
    ([], ["Invalid input type"]), ({"routing": 7}, ["Invalid input type"]),
])  # fmt: skip
def test_every_fault_of_a_file_is_told_at_once(cli, number, tmp_path, said, told):
    (tmp_path / "n.json").write_text(json.dumps(said))
    output = cli("numbers", "set", NUMBER, "--file", str(tmp_path / "n.json"), status=1).output
    assert all(each in output for each in told), output
    assert number()["version"] == 1


def test_what_cannot_be_meant_is_refused(cli, number, tmp_path):
    (tmp_path / "no.json").write_text("{")
    cli("numbers", "set", NUMBER, "--file", str(tmp_path / "no.json"), status=1)
    cli("numbers", "set", NUMBER, "--file", str(tmp_path / "none.json"), status=2)
    cli("numbers", "set", NUMBER, "--file", str(tmp_path / "no.json"), "--keep", status=2)
    cli("numbers", "set", "+14155550179", "--forward-to", OWNER, status=2)  # nobody knows whose it is
    cli("numbers", "set", "+4901701234567", "--tenant", "t", status=1)
    for hours in ("mon=8 to 17", "fri-mon=08:00-17:00", "day=08:00-17:00", "mon", "mon=08:00-17:00;"):
        cli("numbers", "set", NUMBER, "--zone", "UTC", "--hours", hours, status=2)
    cli("numbers", "set", NUMBER, "--zone", "UTC", "--hours", "mon=8-17", status=1)
    cli("numbers", "set", NUMBER, "--hours", "mon=08:00-17:00", status=1)  # where?
    cli("numbers", "set", NUMBER, "--forward-to", NUMBER, status=1)
    cli("numbers", "set", NUMBER, "--note", "x" * 201, status=2)
    assert number()["version"] == 1


def test_the_history_says_who_and_why_and_an_old_version_can_be_made_the_new_one(cli, number):
    cli("numbers", "set", NUMBER, "--tenant", "u", "--forward-to", SECOND, "--note", "moved")
    cli("numbers", "restore", NUMBER, "1")
    told = cli.json("numbers", "history", NUMBER)
    assert [(row["version"], row["changed_by"], row["via"], row["note"]) for row in told] == [
        (3, getpass.getuser(), "cli", "version 1 again"), (2, getpass.getuser(), "cli", "moved"),
        (1, getpass.getuser(), "cli", None),
    ]  # fmt: skip
    assert (number()["routing"]["targets"][0]["to"], number()["tenant_id"]) == (OWNER, "u")
    assert told[0]["routing"] == told[2]["routing"]
    assert "moved" in cli("numbers", "history", NUMBER).output
    for version in ("4", "99"):
        assert "has no version" in cli("numbers", "restore", NUMBER, version, status=1).output
    cli("numbers", "restore", NUMBER, "0", status=2)


def test_callers_are_blocked_and_let_through_again(cli, number):
    cli("numbers", "set", NUMBER, "--keep", "--if-version", "1", "--note", "before")
    cli("numbers", "block", NUMBER, CUSTOMER, "+1900*", "--note", "sells solar panels")
    assert number()["routing"]["blocked"] == [CUSTOMER, "+1900*"]
    assert cli.json("numbers", "preview", NUMBER, "--from", CUSTOMER)["reason"] == "blocked"
    cli("numbers", "unblock", NUMBER, CUSTOMER)
    assert number()["routing"]["blocked"] == ["+1900*"]
    assert cli.json("numbers", "preview", NUMBER, "--from", CUSTOMER)["route"] == "forward"
    assert "not blocked" in cli("numbers", "unblock", NUMBER, CUSTOMER, status=1).output
    cli("numbers", "block", NUMBER, "*", status=1)
    assert cli.json("numbers", "history", NUMBER)[1]["note"] == "sells solar panels"


def test_who_is_blocked_is_not_welcome_any_more(cli, tmp_path):
    (tmp_path / "n.json").write_text(json.dumps({"welcome": [CUSTOMER, SECOND]}))
    cli("numbers", "set", NUMBER, "--tenant", "t", "--file", str(tmp_path / "n.json"))
    cli("numbers", "block", NUMBER, CUSTOMER)
    rules = cli.json("numbers", "show", NUMBER)["routing"]
    assert (rules["blocked"], rules["welcome"]) == ([CUSTOMER], [SECOND])


def test_a_version_that_is_not_in_force_any_more_is_not_replaced(cli, number):
    cli("numbers", "set", NUMBER, "--forward-to", SECOND)
    assert "at version 2" in cli("numbers", "set", NUMBER, "--if-version", "1", "--ring", "30", status=1).output
    assert number()["version"] == 2


def test_a_preview_says_what_would_become_of_a_call(cli):
    cli(
        "numbers", "set", NUMBER, "--tenant", "t", "--forward-to", OWNER, "--forward-to", SECOND,
        "--zone", "America/Los_Angeles", "--hours", "mon=08:00-17:00", "--emergency-to", SECOND,
    )  # fmt: skip
    assert cli.json("numbers", "preview", NUMBER, "--from", CUSTOMER, "--at", NOON) == {
        "route": "forward", "reason": "", "rings": [[{"to": OWNER, "ring_s": 20}], [{"to": SECOND, "ring_s": 20}]],
    }  # fmt: skip
    assert cli.json("numbers", "preview", NUMBER, "--from", CUSTOMER, "--at", NIGHT)["route"] == "menu"
    words = cli("numbers", "preview", NUMBER, "--from", OWNER, "--at", NOON).output
    assert f"{SECOND} for 20 s" in words
    assert OWNER not in words


def test_the_list_has_all_or_one_tenants(cli, world, number):
    with world.rt.db.connection() as conn:
        numbers.note_unknown(conn, CUSTOMER)
    assert {NUMBER, CUSTOMER} < {row["phone_number"] for row in cli.json("numbers", "list")}
    (row,) = cli.json("numbers", "list", "--tenant", "t")
    assert (row["phone_number"], row["forward_to"], row["hours"], row["version"]) == (NUMBER, OWNER, "always", 1)
    assert forwards(OWNER).greeting in cli("numbers", "show", NUMBER).output


@pytest.mark.parametrize("command", [["show"], ["history"], ["preview"], ["block", "x", CUSTOMER], ["unblock", "x", CUSTOMER],
                                     ["restore", "x", "1"]])  # fmt: skip
def test_a_number_of_nobody_is_none_of_ours(cli, command):
    verb, *rest = command
    assert "none of our numbers" in cli("numbers", verb, NUMBER, *rest[1:], status=1).output
