"""Ctrl-C once: an orderly end, never in the middle of a start. Twice: now."""

import os
import signal
from collections.abc import Iterator

import pytest

from ops.stack.interrupts import Interrupts, StopAsked


@pytest.fixture
def killed() -> list[bool]:
    return []


@pytest.fixture
def interrupts(killed: list[bool]) -> Iterator[Interrupts]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield Interrupts(lambda: killed.append(True))
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_for_the_end(interrupts: Interrupts, killed: list[bool], number: signal.Signals):
    with pytest.raises(StopAsked):
        os.kill(os.getpid(), number)
    assert not killed


def test_a_start_is_finished_before_the_wish_is_met(interrupts: Interrupts):
    done = []

    def start() -> None:
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("the rest of the block")

    with pytest.raises(StopAsked):
        start()
    assert done


def test_the_second_signal_kills_while_the_end_is_under_way(interrupts: Interrupts, killed: list[bool]):
    with interrupts.closing():
        os.kill(os.getpid(), signal.SIGINT)
    assert killed
