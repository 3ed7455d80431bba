from zoneinfo import ZoneInfo

import pytest
from phonenumbers.geodata import GEOCODE_DATA

from shared import data, recipients


@pytest.mark.parametrize(
    ("number", "region", "kind", "states", "zones"),
    [
        ("+14155552671", "US", "other", ("CA",), ("America/Los_Angeles",)),
        ("+18504345555", "US", "other", ("FL",), ("America/Chicago",)),
        ("+18505551234", "US", "other", ("FL",), ("America/New_York",)),
        ("+12085551234", "US", "other", ("ID",), ("America/Boise", "America/Los_Angeles")),
        ("+17875551234", "PR", "other", ("PR",), ("America/Puerto_Rico",)),
        ("whatsapp:+14155552671", "US", "other", ("CA",), ("America/Los_Angeles",)),
        ("+442083661177", "GB", "other", (), ("Europe/London",)),
        ("+80012345678", None, "toll-free", (), ()),
        ("+266696687", None, "withheld", (), ()),
        ("Acme", None, "withheld", (), ()),
    ],
)
def test_a_number_tells_where_its_owner_may_be(number, region, kind, states, zones):
    found = recipients.of(number)
    assert (found.region, found.kind, found.states) == (region, kind, states)
    assert {*found.zones} == {*zones}


@pytest.mark.parametrize("number", ["+18005550123", "+18885550123", "+15005550006", "+15555550100"])
def test_a_number_of_no_place_may_be_anywhere_in_its_country_code(number):
    found = recipients.of(number)
    assert (found.states, len(found.zones), found.is_american) == ((), 42, True)


def test_a_premium_number_is_one():
    assert recipients.of("+19005551234").kind == "premium"


def test_every_zone_is_known_to_this_python():
    zones = recipients.of("+18005550123").zones + recipients.of("+447911123456").zones
    assert [zone for zone in zones if not ZoneInfo(zone).key] == []


def test_an_area_code_lies_in_one_state_and_agrees_with_the_geocoder():
    states = data.read("area_codes_us")["states"]
    codes = [code for each in states.values() for code in each]
    assert len(states) == 51
    assert len(codes) == len({*codes})
    for state, prefix in {"CA": "1415", "NY": "1212", "FL": "1305", "TX": "1512", "WA": "1206", "DC": "1202"}.items():
        assert int(prefix[1:]) in states[state]
        assert prefix in GEOCODE_DATA
