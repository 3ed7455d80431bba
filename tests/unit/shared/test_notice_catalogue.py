"""The catalogue of notifications: complete, strict, true of its examples, and no less than it once promised."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ingress.api import notices_page
from shared.domain.notices import TYPES
from shared.notice_catalogue import IGNORING, VERSIONING, catalogue
from tests.told import faults, validator

# What has been promised so far: of each type its fields, each as (kinds, format, required). Only ever added to.
PROMISED: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("promised_notices.json").read_text())


def test_every_type_that_is_told_is_in_it():
    assert catalogue().keys() == TYPES


@pytest.mark.parametrize("type_", sorted(TYPES))
def test_a_schema_is_one_of_the_dialect_and_its_example_holds(type_: str):
    notice = catalogue()[type_]
    Draft202012Validator.check_schema(notice.schema)
    assert faults(dict(notice.example)) == []
    assert notice.example["type"] == type_ == notice.schema["title"]


@pytest.mark.parametrize("type_", sorted(TYPES))
def test_everything_in_a_body_is_described_and_open_to_more(type_: str):
    for schema in _objects(catalogue()[type_].schema):
        assert schema["additionalProperties"] is True
        assert set(schema["required"]) <= set(schema["properties"])
        assert all(each.get("description") or each["type"] == "object" for each in schema["properties"].values())


def _objects(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "properties" in schema:
        yield schema
        for each in schema["properties"].values():
            yield from _objects(each)
    if "items" in schema:
        yield from _objects(schema["items"])


@pytest.mark.parametrize("type_", sorted(TYPES))
def test_a_body_that_lacks_a_field_or_has_another_kind_of_value_is_refused(type_: str):
    example, takes = catalogue()[type_].example, validator(type_).is_valid
    for place, names in (("", ("type", "timestamp", "data")), ("data", example["data"])):
        for name in names:
            assert not takes(_without(example, place, name)), f"{place}.{name}"
            assert not takes(_with(example, place, name, [{}])), f"{place}.{name}"


def _without(example: Mapping[str, Any], place: str, name: str) -> dict[str, Any]:
    body: dict[str, Any] = deepcopy(dict(example))
    (body[place] if place else body).pop(name)
    return body


def _with(example: Mapping[str, Any], place: str, name: str, value: object) -> dict[str, Any]:
    body: dict[str, Any] = deepcopy(dict(example))
    (body[place] if place else body)[name] = value
    return body


def test_another_types_name_is_refused():
    example = catalogue()["call.missed"].example
    assert not validator("call.incoming").is_valid(example)


@pytest.mark.parametrize("wrong", ["yesterday", "2026-11-02", "2026-11-02T17:00:00", "2026-13-02T17:00:00Z"])
def test_a_time_that_is_none_is_refused(wrong: str):
    assert faults(_with(catalogue()["sms.sent"].example, "", "timestamp", wrong))


@given(st.sampled_from(sorted(TYPES)), st.dictionaries(st.text(min_size=1).map("new_".__add__), st.text(), max_size=3))
def test_fields_that_a_later_version_adds_are_no_fault(type_: str, more: dict[str, str]):
    example = catalogue()[type_].example
    assert faults({**more, **example, "data": {**more, **example["data"]}}) == []


def now(type_: str) -> dict[str, Any]:
    data = catalogue()[type_].schema["properties"]["data"]
    return {
        name: {
            "kinds": sorted([one["type"]] if isinstance(one["type"], str) else one["type"]),
            "format": one.get("format"),
            "words": sorted(str(word) for word in one.get("enum", [])),
            "required": name in data["required"],
        }
        for name, one in data["properties"].items()
    }


@pytest.mark.parametrize("type_", sorted(PROMISED))
def test_what_was_promised_once_is_kept(type_: str):
    fields = now(type_)
    for name, promised in PROMISED[type_].items():
        assert {**fields[name], "words": None} == {**promised, "words": None}, name
        assert set(promised["words"]) <= set(fields[name]["words"]), name
        assert bool(promised["words"]) == bool(fields[name]["words"]), name


def test_what_is_new_is_promised_from_now_on_and_is_not_required():
    new = {
        type_: {name: one for name, one in now(type_).items() if name not in PROMISED.get(type_, {})} for type_ in TYPES
    }
    new = {type_: fields for type_, fields in new.items() if fields}
    assert not new, f"add to promised_notices.json: {json.dumps(new, indent=1)}"


def test_the_page_is_fresh():
    assert notices_page.COPY.read_text() == notices_page.page(), "run: python -m ingress.api"
    assert all(rule in notices_page.page() for rule in (*VERSIONING, *IGNORING))
