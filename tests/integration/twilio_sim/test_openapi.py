"""Every answer of the REST API against Twilio's own description of it (twilio-oai, twilio_api_v2010.json)."""

import json
import os
import re
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

PREFIX = "/2010-04-01/Accounts/{AccountSid}"
FROM, TO = "+14155550100", "+12125550142"


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    path = os.environ.get("TWILIO_OPENAPI")
    if not path:
        pytest.skip("TWILIO_OPENAPI does not name a copy of twilio_api_v2010.json")
    return as_json_schema(json.loads(Path(path).read_text(encoding="utf-8")))


def as_json_schema(part: Any) -> Any:
    """OpenAPI 3.0 says `nullable`, JSON Schema has no such word: it becomes one more type."""
    if isinstance(part, list):
        return [as_json_schema(p) for p in part]
    if not isinstance(part, dict):
        return part
    found = {name: as_json_schema(value) for name, value in part.items()}
    if found.pop("nullable", False) is True:
        if isinstance(found.get("type"), str):
            found["type"] = [found["type"], "null"]
        if "enum" in found:
            found["enum"] = [*found["enum"], None]
    return found


@pytest.fixture
def check(contract, sim):
    """Asks the simulator and holds the answer against what the contract says about this path and method."""

    def checked(method: str, path: str, form: Any = None, status: int = 200, **names: str) -> Any:
        answer = sim.rest(method, path.format(**names), form)
        assert answer.status_code == status, answer.text
        spec = contract["paths"][PREFIX + path][method.lower()]
        if status == 204:
            assert "204" in spec["responses"]
            assert answer.content == b""
            return None
        schema = spec["responses"][str(status)]["content"]["application/json"]["schema"]
        rules = Draft202012Validator(schema | {"components": contract["components"]})
        body = answer.json()
        assert [f"{e.json_path}: {e.message}" for e in rules.iter_errors(body)] == []
        check_names(contract, schema, body)
        return body

    return checked


def check_names(contract, schema, body) -> None:
    """The contract requires nothing and allows more; a real answer has every field it names."""
    lists = [n for n, s in schema.get("properties", {}).items() if s.get("type") == "array"]
    item = schema["properties"][lists[0]]["items"] if lists else schema
    resource = contract["components"]["schemas"][item["$ref"].rsplit("/", 1)[1]]["properties"]
    for row in body[lists[0]] if lists else [body]:
        assert set(row) == set(resource)
        for name, rule in resource.items():
            if rule.get("format") == "date-time-rfc-2822" and row[name] is not None:
                assert parsedate_to_datetime(row[name]).utcoffset() is not None
    if lists:
        assert set(body) == set(schema["properties"])
        assert body[lists[0]], "an empty list proves nothing"


@pytest.fixture
def number_sid(sim, receiver):
    receiver.says("/voice", '<Response><Dial record="record-from-answer-dual">+14155550199</Dial></Response>')
    return sim.number(FROM, voice_url=receiver.url + "/voice")["sid"]


@pytest.fixture
def recorded(sim, number_sid, until):
    """A finished call with a recording: (CallSid, RecordingSid)."""
    sid = sim.call()
    until(lambda: [r for r in sim.sim("GET", f"/calls/{sid}")["recordings"] if r["status"] == "completed"])
    return sid, sim.sim("GET", f"/calls/{sid}")["recordings"][0]["sid"]


def test_messages_answer_as_described(check, sim, number_sid, receiver):
    form = {"To": TO, "From": FROM, "Body": "hello", "MediaUrl": receiver.url + "/a.png"}
    sid = check("POST", "/Messages.json", form, 201)["sid"]
    sim.message(sid, "delivered")
    sim.text("in")
    check("GET", "/Messages.json")
    check("GET", "/Messages/{Sid}.json", Sid=sid)
    media = check("GET", "/Messages/{MessageSid}/Media.json", MessageSid=sid)["media_list"][0]["sid"]
    check("GET", "/Messages/{MessageSid}/Media/{Sid}.json", MessageSid=sid, Sid=media)
    check("POST", "/Messages/{Sid}.json", {"Body": ""}, Sid=sid)
    check("DELETE", "/Messages/{Sid}.json", status=204, Sid=sid)


def test_calls_answer_as_described(check, sim, number_sid, until):
    form = {"To": TO, "From": FROM, "Twiml": "<Response><Say>Hi</Say><Pause length='14000'/></Response>"}
    sim.phone(TO, talk_s=14000)
    sid = check("POST", "/Calls.json", form, 201)["sid"]
    until(lambda: sim.sim("GET", f"/calls/{sid}")["status"] == "in-progress")
    check("GET", "/Calls/{Sid}.json", Sid=sid)
    check("POST", "/Calls/{CallSid}/Recordings.json", {}, 201, CallSid=sid)
    check("POST", "/Calls/{CallSid}/Recordings/{Sid}.json", {"Status": "paused"}, CallSid=sid, Sid="Twilio.CURRENT")
    check("POST", "/Calls/{Sid}.json", {"Status": "completed"}, Sid=sid)
    check("GET", "/Calls.json")
    check("DELETE", "/Calls/{Sid}.json", status=204, Sid=sid)


def test_recordings_answer_as_described(check, sim, recorded):
    call_sid, sid = recorded
    check("GET", "/Recordings.json")
    check("GET", "/Recordings/{Sid}.json", Sid=sid)
    check("GET", "/Calls/{CallSid}/Recordings.json", CallSid=call_sid)
    check("GET", "/Calls/{CallSid}/Recordings/{Sid}.json", CallSid=call_sid, Sid=sid)
    check("GET", "/Calls/{Sid}.json", Sid=call_sid)
    check("DELETE", "/Recordings/{Sid}.json", status=204, Sid=sid)


def test_numbers_answer_as_described(check, number_sid):
    check("GET", "/IncomingPhoneNumbers.json")
    check("GET", "/IncomingPhoneNumbers/{Sid}.json", Sid=number_sid)
    check("POST", "/IncomingPhoneNumbers/{Sid}.json", {"FriendlyName": "Front desk"}, Sid=number_sid)
    bought = check("POST", "/IncomingPhoneNumbers.json", {"PhoneNumber": "+14155550103"}, 201)
    check("DELETE", "/IncomingPhoneNumbers/{Sid}.json", status=204, Sid=bought["sid"])


@pytest.mark.parametrize("status", ["accepted", "scheduled", "queued", "undelivered", "failed"])
def test_a_message_in_any_state_answers_as_described(check, sim, number_sid, status):
    sid = check("POST", "/Messages.json", {"To": TO, "From": FROM, "Body": "x"}, 201)["sid"]
    sim.world.messages.get(sid).move(status)
    check("GET", "/Messages/{Sid}.json", Sid=sid)


def test_every_form_field_that_is_read_exists_in_the_contract(contract):
    """A misspelt field name would be read as absent for ever."""
    known = set()
    for methods in contract["paths"].values():
        for method in ("post", "get"):
            spec = methods.get(method, {})
            body = spec.get("requestBody", {}).get("content", {}).get("application/x-www-form-urlencoded", {})
            known |= set(body.get("schema", {}).get("properties", {}))
            known |= {p["name"] for p in spec.get("parameters", []) if p["in"] == "query"}
    rest = Path(__file__).parents[3] / "ops" / "twilio_sim" / "rest"
    read = {word for file in rest.glob("*.py") for word in fields_in(file.read_text(encoding="utf-8"))}
    assert read - known == {"RequestedChannels"}, "the media addresses are not in the contract"


def fields_in(source: str) -> set[str]:
    return set(re.findall(r'(?:form|args)(?:\.get)?[(\[]"([A-Z]\w+)"', source)) | set(
        re.findall(r'_field\(form, "([A-Z]\w+)"', source)
    )
