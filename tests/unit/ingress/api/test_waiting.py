"""How long a request would like to wait."""

from threading import BoundedSemaphore
from typing import Any

import pytest
from flask import Flask

from ingress.api.waiting import Waits, wished_s

APP = Flask(__name__)


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=2", 2),
        ("Wait = 3", 3),
        ('wait="4"', 4),
        ("wait=60", 5),
        ("respond-async, wait=1", 1),
        ("wait=2; unit=s, handling=lenient", 2),
        ("wait=0", 0),
        ("", 0),
        ("wait", 0),
        ("wait=soon", 0),
        ("wait=-1", 0),
        ("wait=2s", 0),
        ("await=3", 0),
        ("wait=99999999999999999999", 0),
    ],
)
def test_a_wish_is_a_number_of_seconds_up_to_five(prefer: str, seconds: int):
    with APP.test_request_context("/", headers={"Prefer": prefer}):
        assert wished_s() == seconds


def test_without_a_free_seat_nobody_looks_and_the_answer_comes_at_once():
    seats, no_runtime = BoundedSemaphore(1), cast_any(None)
    seats.acquire()
    assert Waits(no_runtime, seats).until(lambda _conn: "seen", lambda _seen: True, 5) is None


def test_who_does_not_wish_to_wait_takes_no_seat():
    seats, no_runtime = BoundedSemaphore(1), cast_any(None)
    assert Waits(no_runtime, seats).until(lambda _conn: "seen", lambda _seen: True, 0) is None
    assert seats.acquire(blocking=False)


def cast_any(value: Any) -> Any:
    """There is no store to look at, and nobody may try."""
    return value
