"""The world's clock and its agenda: speed, interruption, order."""

import threading

import pytest

from ops.twilio_sim.agenda import Agenda
from ops.twilio_sim.clock import Clock


def test_an_hour_of_the_world_passes_in_seconds():
    assert Clock(1000).wait(100) == 100


def test_a_wait_that_is_interrupted_tells_how_far_it_came():
    clock, stop, bell, passed = Clock(1), threading.Event(), threading.Event(), []
    waiter = threading.Thread(target=lambda: passed.append(clock.wait(3600, stop.is_set, bell)))
    waiter.start()
    stop.set()
    bell.set()
    waiter.join(5)
    assert 0 <= passed[0] < 5


def test_a_change_of_speed_reaches_those_who_wait():
    clock = Clock(1)
    waiter = threading.Thread(target=lambda: clock.wait(500))
    waiter.start()
    clock.set_speed(1000)
    waiter.join(5)
    assert not waiter.is_alive()


@pytest.mark.parametrize("speed", [0, -1, 1001, float("nan"), float("inf")])
def test_a_speed_out_of_range_is_refused(speed):
    with pytest.raises(ValueError, match="speed"):
        Clock(speed)


def test_jobs_are_done_when_they_are_due_whatever_order_they_came_in():
    agenda, done, all_done = Agenda(Clock(1000)), [], threading.Event()
    agenda.after(200, lambda: (done.append("late"), all_done.set()))
    agenda.after(50, lambda: done.append("early"))
    assert all_done.wait(5)
    agenda.close()
    assert done == ["early", "late"]


def test_a_job_that_fails_does_not_stop_the_others():
    agenda, done = Agenda(Clock(1000)), threading.Event()
    agenda.after(0, lambda: 1 / 0)
    agenda.after(1, done.set)
    assert done.wait(5)
    agenda.close()


def test_what_was_cleared_is_never_done():
    agenda, done, after = Agenda(Clock(1000)), [], threading.Event()
    agenda.after(50, lambda: done.append("cleared"))
    agenda.clear()
    agenda.after(100, after.set)
    assert after.wait(5)
    agenda.close()
    assert done == []
