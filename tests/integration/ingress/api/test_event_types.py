"""The catalogue of notifications, through the API."""

from jsonschema import Draft202012Validator

from shared.domain.notices import TYPES

from .conftest import Api


def test_every_type_comes_with_a_schema_that_its_example_keeps(api: Api):
    answer = api.get("/api/event-types")
    assert answer.status_code == 200
    shown = {one["type"]: one for one in answer.get_json()["data"]}
    assert shown.keys() == TYPES
    for one in shown.values():
        assert one["schema"]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        Draft202012Validator(one["schema"]).validate(one["example"])
        assert one["description"]


def test_it_asks_for_a_key_that_may_read_events(api: Api):
    assert api.client.get("/api/event-types").status_code == 401
