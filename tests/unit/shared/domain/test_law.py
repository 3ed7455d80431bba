import copy

import pytest

from shared import data
from shared.domain import law


def changed(path, value):
    """The built-in law with one value set otherwise."""
    document = copy.deepcopy(data.read("law_us"))
    *way, last = path
    place = document
    for step in way:
        place = place[step]
    place[last] = value
    return document


def test_the_built_in_law_is_read_as_its_sources_say():
    read = law.read(data.read("law_us"))
    assert read.federal.week == ((480, 1260),) * 7
    assert {state for state, rule in read.states.items() if rule.most_in_24h == 3} == {"FL", "MD", "OK"}
    assert read.states["TX"].week == ((540, 1260),) * 6 + ((720, 1260),)
    assert read.states["RI"].week == ((540, 1080),) * 5 + ((600, 1020), None)
    assert {state for state, rule in read.states.items() if not rule.is_open_on_holidays} == {
        "AL",
        "LA",
        "PA",
        "RI",
        "UT",
    }
    assert read.binds == {"marketing"}
    assert read.consent_kinds["marketing"] == {"written"}


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (["format"], 2, "format"),
        (["calling_hours", "federal", "hours"], ["21:00", "08:00"], "not before"),
        (["calling_hours", "federal", "hours"], ["8", "21:00"], "no time"),
        (["calling_hours", "federal", "hours"], ["08:00", "24:01"], "no time"),
        (["calling_hours", "federal", "hours"], ["08:00"], "federal|unpack"),
        (["calling_hours", "states", "FL", "days"], {"Sunday": None}, "no such day as Sunday"),
        (["calling_hours", "states", "FL", "most_in_24h"], 0, "no count"),
        (["calling_hours", "states", "FL", "holidays"], "no", "no bool"),
        (["calling_hours", "binds"], ["adverts"], "adverts"),
        (["consent", "marketing", "kinds"], ["oral"], "oral"),
        (["inquiry"], None, "form"),
        (["calling_hours"], [], "form"),
    ],
)
def test_a_law_that_cannot_be_meant_is_refused_with_the_place(path, value, says):
    with pytest.raises(ValueError, match=says):
        law.read(changed(path, value))


@pytest.mark.parametrize("document", [None, [], "law", 1, {}])
def test_what_is_no_law_at_all_is_refused(document):
    with pytest.raises(ValueError, match="form"):
        law.read(document)
