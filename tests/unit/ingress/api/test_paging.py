"""Pages and their cursors."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from ingress.api.paging import Listing
from ingress.problem import Problem

SECRETS = ("the-first-token", "the-second-token")
AT = datetime(2026, 3, 1, 12, 30, 0, 123456, UTC)
TEXTS = Listing(SECRETS, "/api/sms", {"client": "crm"})


def test_a_cursor_leads_back_to_its_position():
    assert TEXTS.position(TEXTS.cursor((AT, "row-1"))) == (AT, "row-1")
    assert TEXTS.position(None) is None


@pytest.mark.parametrize(
    "elsewhere",
    [
        Listing(SECRETS, "/api/events", {"client": "crm"}),
        Listing(SECRETS, "/api/sms", {}),
        Listing(SECRETS, "/api/sms", {"client": "billing"}),
        Listing(("another-token",), "/api/sms", {"client": "crm"}),
    ],
)
def test_a_cursor_is_of_one_list_with_its_filters(elsewhere: Listing):
    with pytest.raises(Problem) as refused:
        elsewhere.position(TEXTS.cursor((AT, "row-1")))
    assert refused.value.status == 422


def test_a_cursor_outlives_the_rotation_of_the_token_that_signed_it():
    rotated = Listing(("the-newest-token", *SECRETS), "/api/sms", {"client": "crm"})
    assert rotated.position(TEXTS.cursor((AT, "row-1"))) == (AT, "row-1")


@given(st.text())
def test_what_we_did_not_write_is_refused(text: str):
    with pytest.raises(Problem):
        TEXTS.position(text)


@given(st.data())
def test_no_single_changed_character_is_accepted(data: st.DataObject):
    cursor = TEXTS.cursor((AT, "row-1"))
    at = data.draw(st.integers(0, len(cursor) - 2))  # the last letter has bits that mean nothing
    letter = data.draw(st.sampled_from("ABCabc019-_"))
    changed = cursor[:at] + letter + cursor[at + 1 :]
    if changed != cursor:
        with pytest.raises(Problem):
            TEXTS.position(changed)


def test_the_row_too_many_says_that_there_is_more_and_is_not_shown():
    rows = [(AT - timedelta(seconds=n), f"row-{n}") for n in range(3)]
    with Flask(__name__).app_context():
        answer = TEXTS.page(rows, 2, position=lambda row: row, shown=lambda row: row[1])
    page = answer.get_json()
    assert (page["data"], page["has_more"]) == (["row-0", "row-1"], True)
    assert TEXTS.position(page["next_cursor"]) == rows[1]
    assert answer.headers["Link"] == f'</api/sms?client=crm&limit=2&cursor={page["next_cursor"]}>; rel="next"'


def test_the_last_page_has_no_cursor():
    with Flask(__name__).app_context():
        answer = TEXTS.page([(AT, "row-0")], 1, position=lambda row: row, shown=lambda row: row[1])
    assert answer.get_json() == {"data": ["row-0"], "has_more": False, "next_cursor": None}
    assert "Link" not in answer.headers
