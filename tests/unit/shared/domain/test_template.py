"""Places in a text and what goes into them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.template import MissingVariables, fill


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("Hello {{name}}", "Hello Ann"), ("{{ name }}{{name}}", "AnnAnn"), ("{{First name}}!", "Bo!"), ("{name}", "{name}"),
        ("{{}} {{ }}", "{{}} {{ }}"), ("{{{name}}}", "{Ann}"), ("", ""), ("{{place}}", "{{name}}"),
    ],
)  # fmt: skip
def test_every_place_is_filled_once(template, filled):
    assert fill(template, {"name": "Ann", "First name": "Bo", "place": "{{name}}"}) == filled


def test_all_that_is_missing_is_named_once():
    with pytest.raises(MissingVariables) as missing:
        fill("{{a}} {{b}} {{a}} {{c}}", {"b": ""})
    assert missing.value.names == ["a", "c"]


@given(st.text(alphabet=st.characters(exclude_characters="{}")))
def test_a_text_without_places_is_itself(text):
    assert fill(text, {}) == text


@given(st.text(), st.text())
def test_what_is_filled_in_is_not_looked_at_again(before, value):
    assert fill("{{x}}", {"x": before + "{{y}}" + value}) == before + "{{y}}" + value
