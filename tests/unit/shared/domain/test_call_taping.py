from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.call_taping import Taping, recording_to_change, standing

BEGAN = datetime(2026, 3, 4, 17, tzinfo=UTC)
OFF, ON, PAUSED = Taping(), Taping(is_on=True), Taping(is_on=True, is_paused=True)
START, PAUSE, RESUME, STOP = "record-start", "record-pause", "record-resume", "record-stop"


@dataclass
class Wish:
    action: str
    created_at: datetime
    state: str = "done"
    recording_sid: str | None = None


def wishes(*actions):
    return [Wish(action, BEGAN + timedelta(seconds=number)) for number, action in enumerate(actions)]


@pytest.mark.parametrize(
    ("actions", "stands"),
    [
        ([], OFF), ([START], ON), ([START, PAUSE], PAUSED), ([START, PAUSE, RESUME], ON), ([START, STOP], OFF),
        ([START, PAUSE, STOP], OFF), ([START, STOP, START], ON), ([START, PAUSE, STOP, START], ON), ([PAUSE], OFF),
        ([START, PAUSE, START], PAUSED), ([START, "redirect"], ON),
    ],
)  # fmt: skip
def test_a_call_stands_as_its_wishes_left_it(actions, stands):
    assert standing(wishes(*actions), []) == stands


@pytest.mark.parametrize("state", ["refused", "overtaken"])
def test_what_did_not_come_about_does_not_count(state):
    one, two = wishes(START, STOP)
    two.state = state
    assert standing([one, two], []) == ON


def test_a_recording_of_the_numbers_own_policy_counts_from_when_it_was_told():
    assert standing([], [(BEGAN, "RE1")]) == ON
    assert standing(wishes(STOP), [(BEGAN - timedelta(seconds=5), "RE1")]) == OFF
    assert standing(wishes(STOP), [(BEGAN + timedelta(seconds=5), "RE1")]) == ON


def test_a_recording_that_was_asked_for_here_is_not_counted_again_when_twilio_tells_of_it():
    start, stop = wishes(START, STOP)
    start.recording_sid = "RE1"
    assert standing([start, stop], [(BEGAN + timedelta(seconds=9), "RE1")]) == OFF


def test_the_newest_recording_is_the_one_to_change():
    start, _ = wishes(START, STOP)
    start.recording_sid = "RE1"
    assert recording_to_change([start], []) == "RE1"
    assert recording_to_change([start], [(BEGAN + timedelta(seconds=9), "RE2")]) == "RE2"
    assert recording_to_change([], []) is None
