"""Threads that repeat something: a round that fails is repeated, a thread that dies is replaced."""

from threading import Event

import pytest

from shared.every import Every


class Rounds:
    """Counts rounds; each raises what is next in line."""

    def __init__(self, *faults):
        self.faults, self.count, self.third = list(faults), 0, Event()

    def __call__(self):
        self.count += 1
        if self.count >= 3:
            self.third.set()
        if self.faults:
            raise self.faults.pop(0)


@pytest.fixture
def start():
    started = []

    def make(rounds):
        started.append(Every("net", 0.01, rounds))
        started[-1].start()
        return started[-1]

    yield make
    for net in started:
        net.stop()


def test_a_round_that_fails_is_repeated(start):
    rounds = Rounds(RuntimeError(), MemoryError())
    net = start(rounds)
    assert rounds.third.wait(5)
    assert net.is_alive
    assert net.revive() is False


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_is_replaced_and_told(start):
    rounds = Rounds(SystemExit())
    net = start(rounds)
    net._thread.join(5)
    assert not net.is_alive
    assert net.revive() is True
    assert rounds.third.wait(5)
    assert net.revive() is False


def test_who_was_stopped_is_not_revived(start):
    net = start(Rounds())
    net.stop()
    assert net.revive() is False
    assert not net.is_alive
