import json
import os
from pathlib import Path
from typing import Any

import pytest
import requests

from shared.db import numbers
from shared.domain.number_urls import number_urls
from shared.domain.routing import Number
from shared.domain.urls import OVERRIDES, Urls
from shared.twilio import client as twilio_client
from tests.integration.workers.conftest import ACCOUNT, BUSINESS, TENANT

PUBLIC, FALLBACK = "https://calls.example.com", "https://spare.example.net"
OTHER, STRANGER = "+14155550101", "+14155550777"


@pytest.fixture
def control(world, cli, twilio):
    """The simulator's control API; the tool's settings name a fallback address."""
    cli.environ["TS_FALLBACK_URL"] = FALLBACK

    def told(method: str, path: str, wishes: Any = None) -> Any:
        answer = requests.request(method, f"{twilio}/sim{path}", json=wishes, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    return told


def at_twilio(control, number=BUSINESS):
    (found,) = [row for row in control("GET", "/numbers")["data"] if row["phone_number"] == number]
    return found


def test_a_numbers_addresses_are_set_with_the_delivery_we_ask_for(cli, control):
    result = cli.json("numbers", "sync")
    (change,) = result["changed"]
    assert change["phone_number"] == BUSINESS
    assert change["settings"]["voice_url"] == {"was": "", "now": f"{PUBLIC}/api/calls/incoming{OVERRIDES}"}
    expected = {
        "voice_url": f"{PUBLIC}/api/calls/incoming", "voice_fallback_url": f"{FALLBACK}/api/calls/fallback",
        "status_callback": f"{PUBLIC}/api/webhooks/status", "sms_url": f"{PUBLIC}/api/sms/incoming",
        "sms_fallback_url": f"{FALLBACK}/api/sms/fallback",
    }  # fmt: skip
    there = at_twilio(control)
    assert {name: there[name] for name in expected} == {name: url + OVERRIDES for name, url in expected.items()}
    assert {there[name] for name in there if name.endswith("_method")} == {"POST"}


def test_a_second_sync_changes_nothing(cli, control):
    cli("numbers", "sync")
    before = at_twilio(control)
    assert cli.json("numbers", "sync") == {
        "changed": [], "unchanged": [BUSINESS], "warnings": [], "failed": [], "unknown_at_twilio": [], "unknown_to_us": [],
    }  # fmt: skip
    assert at_twilio(control) == before


def test_without_a_fallback_address_the_public_one_is_asked(cli, control):
    cli.environ["TS_FALLBACK_URL"] = ""
    cli("numbers", "sync")
    assert at_twilio(control)["sms_fallback_url"] == f"{PUBLIC}/api/sms/fallback{OVERRIDES}"


def test_a_method_that_is_wrong_is_set_too(cli, control):
    cli("numbers", "sync")
    control("PUT", f"/numbers/{BUSINESS}", {"sms_method": "GET", "voice_fallback_method": "GET"})
    (change,) = cli.json("numbers", "sync")["changed"]
    assert set(change["settings"]) == {"sms_method", "voice_fallback_method"}


def test_a_dry_run_shows_what_would_change_and_changes_nothing(cli, control):
    before = at_twilio(control)
    told = cli("numbers", "sync", "--dry-run", status=1).stdout
    assert f"{BUSINESS} would be changed" in told
    assert f"  voice_url: (none) -> {PUBLIC}/api/calls/incoming{OVERRIDES}" in told
    assert at_twilio(control) == before
    cli("numbers", "sync")
    cli("numbers", "sync", "--dry-run")


def test_only_the_numbers_that_are_named_are_set(world, cli, control):
    with world.rt.db.connection() as conn:
        numbers.put(conn, Number(OTHER, TENANT))
    control("PUT", f"/numbers/{OTHER}", {})
    assert [change["phone_number"] for change in cli.json("numbers", "sync", OTHER)["changed"]] == [OTHER]
    assert at_twilio(control)["voice_url"] == ""


def test_what_one_side_does_not_know_is_said(world, cli, control):
    with world.rt.db.connection() as conn:
        numbers.put(conn, Number(OTHER, TENANT))
    control("PUT", f"/numbers/{STRANGER}", {})
    result = cli.json("numbers", "sync", status=1)
    assert (result["unknown_at_twilio"], result["unknown_to_us"]) == ([OTHER], [STRANGER])
    assert at_twilio(control, STRANGER)["voice_url"] == ""
    told = cli("numbers", "sync", status=1).stdout
    assert f"{OTHER} is ours, but not at Twilio" in told
    assert f"{STRANGER} is at Twilio, but not ours" in told


def test_a_number_that_is_not_ours_is_refused_before_anything_is_set(cli, control):
    assert "numbers set" in cli("numbers", "sync", BUSINESS, STRANGER, status=1).output
    assert at_twilio(control)["voice_url"] == ""


@pytest.mark.parametrize("override", ["voice_application_sid", "sms_application_sid", "trunk_sid"])
def test_what_overrides_the_addresses_is_warned_of(cli, control, override):
    sid = {"v": "AP", "s": "AP", "t": "TK"}[override[0]] + "1" * 32
    control("PUT", f"/numbers/{BUSINESS}", {override: sid})
    (warning,) = cli.json("numbers", "sync")["warnings"]
    assert sid in warning
    assert sid in cli("numbers", "sync").stderr


@pytest.mark.parametrize("defers", [True, False])
def test_a_number_in_a_messaging_service_is_warned_of_unless_the_service_defers_to_it(cli, control, defers):
    service = control("PUT", "/services/pool", {"numbers": [BUSINESS], "use_inbound_webhook_on_number": defers})
    warnings = cli.json("numbers", "sync")["warnings"]
    assert [service["sid"] in warning for warning in warnings] == ([] if defers else [True])


def test_all_pages_are_read(world, cli, control, monkeypatch):
    monkeypatch.setattr(twilio_client, "_PAGE", 2)
    with world.rt.db.connection() as conn:
        for n in range(5):
            control("PUT", f"/numbers/+1415555020{n}", {})
            numbers.put(conn, Number(f"+1415555020{n}", TENANT))
    for n in range(3):
        control("PUT", f"/services/pool-{n}", {"numbers": [f"+1415555020{n}", "+14155550203", "+14155550204"]})
    result = cli.json("numbers", "sync")
    assert len(result["changed"]) == 6
    assert len(result["warnings"]) == 5


def test_one_number_that_fails_does_not_keep_the_others_from_being_set(world, cli, control):
    control("PUT", f"/numbers/{OTHER}", {})
    with world.rt.db.connection() as conn:
        numbers.put(conn, Number(OTHER, TENANT))
    control(
        "PUT", "/faults", {"data": [{"method": "POST", "path": "/IncomingPhoneNumbers/", "status": 503, "times": 1}]}
    )
    result = cli.json("numbers", "sync", status=1)
    assert (len(result["changed"]), len(result["failed"])) == (1, 1)
    assert "run this again" in result["failed"][0]
    assert len(cli.json("numbers", "sync")["changed"]) == 1


def test_what_cannot_be_asked_about_services_does_not_stop_the_addresses(cli, control):
    control("PUT", "/faults", {"data": [{"method": "GET", "path": "/v1/Services", "status": 503, "times": 1}]})
    result = cli.json("numbers", "sync")
    assert len(result["changed"]) == 1
    assert "Messaging Services could not be read" in result["warnings"][0]


def test_an_error_says_what_to_do(cli, control):
    cli.environ["TWILIO_AUTH_TOKEN"] = "wrong"
    assert "TWILIO_AUTH_TOKEN" in cli("numbers", "sync", status=1).output
    cli.environ["TS_TWILIO_API_URL"] = "http://127.0.0.1:9"
    assert "network" in cli("numbers", "sync", status=1).output


@pytest.mark.parametrize(
    "local", ["http://127.0.0.1:4000", "http://localhost:4000", "http://10.0.0.7", "http://[::1]:4000"]
)
def test_the_real_twilio_is_not_told_an_address_that_it_cannot_reach(cli, control, local):
    cli.environ |= {"TS_TWILIO_API_URL": "", "TS_PUBLIC_URL": local}
    assert "TS_PUBLIC_URL" in cli("numbers", "sync", status=1).output


def contract(name):
    path = os.environ.get("TWILIO_OPENAPI")
    if not path:
        pytest.skip("TWILIO_OPENAPI does not name a copy of twilio_api_v2010.json")
    file = Path(path).with_name(name)
    if not file.exists():
        pytest.skip(f"no {name} beside it")
    return json.loads(file.read_text(encoding="utf-8"))


def test_the_requests_are_those_of_twilios_own_description(cli, control, monkeypatch):
    spec = contract("twilio_api_v2010.json")["paths"]
    asked = []
    really = twilio_client.HttpClient.request

    def noting(self, method, url, params=None, data=None, **more):
        asked.append((method, url, params, data))
        return really(self, method, url, params, data, **more)

    monkeypatch.setattr(twilio_client.HttpClient, "request", noting)
    cli("numbers", "sync")
    base = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT.sid}/IncomingPhoneNumbers"
    ((_, _, query, _),) = [one for one in asked if one[:2] == ("GET", f"{base}.json")]
    listing = spec["/2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers.json"]["get"]["parameters"]
    assert set(query) <= {parameter["name"] for parameter in listing}
    ((_, url, _, form),) = [one for one in asked if one[0] == "POST"]
    assert url == f"{base}/{at_twilio(control)['sid']}.json"
    update = spec["/2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/{Sid}.json"]["post"]
    fields = update["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    assert set(form) <= set(fields)
    assert len(form) == 5  # the methods were right already
    for name, value in form.items():
        assert fields[name].get("format") != "uri" or value.startswith("https://")
        assert value in fields[name].get("enum", [value])
    names = {name.lower() for name in fields}
    assert {name.replace("_", "") for name in number_urls(Urls(PUBLIC), Urls(PUBLIC))} <= names


def test_the_simulated_services_answer_as_twilio_describes_them(control, twilio):
    schemas = contract("twilio_messaging_v1.json")["components"]["schemas"]
    service = control("PUT", "/services/pool", {"numbers": [BUSINESS]})
    pool = f"/{service['sid']}/PhoneNumbers"
    for path, key, name in (
        ("", "services", "messaging.v1.service"),
        (pool, "phone_numbers", "messaging.v1.service.phone_number"),
    ):
        answer = requests.get(f"{twilio}/v1/Services{path}", auth=(ACCOUNT.sid, ACCOUNT.token), timeout=10).json()
        assert set(answer[key][0]) == set(schemas[name]["properties"])
        assert set(answer["meta"]) == {"first_page_url", "key", "next_page_url", "page", "page_size",
                                       "previous_page_url", "url"}  # fmt: skip
