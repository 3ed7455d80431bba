"""Two stores side by side: one that hangs, fails or breaks holds up nobody, and never makes a false promise."""

import threading
import time

import pytest

from ingress.intake import LATE_S, LONGEST_S, Intake, Ticket
from shared.errors import NotStored
from shared.journal import JournalFault


class Journal:
    """A disk in the hands of the test: it syncs when `pace` is set."""

    def __init__(self) -> None:
        self.pace, self.appended, self.unsent, self.fault = threading.Event(), [], 0, None
        self.is_writable, self.entered = True, threading.Event()
        self.pace.set()

    def append_many(self, entries):
        self.entered.set()
        self.pace.wait(20)
        if self.fault:
            raise self.fault
        self.appended.append([entry.event_id for entry in entries])

    def note_unsent(self):
        self.unsent += 1


class Line:
    def __init__(self) -> None:
        self.pace, self.stored, self.answer, self.patient_answer, self.patient = threading.Event(), [], True, False, 0
        self.pace.set()

    def put(self, events):
        self.pace.wait(20)
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer:
            self.stored.append([event.event_id for event in events])
        return self.answer

    def put_patiently(self, _events):
        self.patient += 1
        return self.patient_answer


class Event:
    def __init__(self, event_id: str) -> None:
        self.event_id = event_id

    def record(self) -> bytes:
        return self.event_id.encode()


@pytest.fixture
def stores():
    return Journal(), Line()


@pytest.fixture
def intake(stores):
    made = Intake(*stores)
    yield made
    for store in stores:
        store.pace.set()
    made.close()


def test_an_event_is_in_both_stores_before_it_is_acknowledged(intake, stores):
    intake.store([Event("a")])
    assert (stores[0].appended, stores[1].stored, stores[0].unsent) == ([["a"]], [["a"]], 0)


def test_a_disk_that_hangs_costs_a_moment_and_no_event(intake, stores):
    stores[0].pace.clear()
    started = time.monotonic()
    intake.store([Event("a")])
    intake.store([Event("b")])
    assert time.monotonic() - started >= 2 * LATE_S  # both stores are waited for, as long as that harms nobody
    assert stores[1].stored == [["a"], ["b"]]
    stores[0].pace.set()


def test_a_redis_that_hangs_costs_a_moment_and_no_event(intake, stores):
    stores[1].pace.clear()
    intake.store([Event("a")])
    assert stores[0].appended == [["a"]]


@pytest.mark.parametrize("fault", [JournalFault("full"), RuntimeError("a bug")])
def test_one_store_is_enough(intake, stores, fault):
    stores[0].fault = fault
    intake.store([Event("a")])
    assert stores[1].stored == [["a"]]


@pytest.mark.parametrize("answer", [False, RuntimeError("a bug")])
def test_what_only_the_journal_has_is_the_drainers_first_concern(intake, stores, answer):
    stores[1].answer = answer
    intake.store([Event("a")])
    assert (stores[0].appended, stores[0].unsent) == ([["a"]], 1)
    assert stores[1].patient == 0


def test_what_neither_store_took_is_never_acknowledged(intake, stores):
    stores[0].fault, stores[1].answer = JournalFault("full"), False
    with pytest.raises(NotStored):
        intake.store([Event("a")])


def test_when_both_hang_nobody_waits_for_ever_and_nothing_is_promised(intake, stores):
    for store in stores:
        store.pace.clear()
    started = time.monotonic()
    with pytest.raises(NotStored):
        intake.store([Event("a")])
    assert LONGEST_S <= time.monotonic() - started < LONGEST_S + 5


def test_what_waited_too_long_behind_a_store_that_hung_is_not_stored_late(intake, stores):
    stores[0].pace.clear()
    intake.store([Event("a")])
    intake.store([Event("b")])
    done = threading.Event()
    ticket = intake.submit([Event("c")], done.set)
    ticket.since -= 2 * LONGEST_S  # as if it had waited so long
    stores[0].pace.set()
    assert done.wait(10)
    assert ticket.in_journal is False
    assert stores[0].appended == [["a"], ["b"]]


def test_without_a_journal_redis_is_given_all_the_time_there_is(intake, stores):
    stores[0].fault, stores[0].is_writable = JournalFault("full"), False
    stores[1].answer, stores[1].patient_answer = False, True
    intake.store([Event("a")])
    assert stores[1].patient == 1


def test_those_who_wait_are_stored_together(intake, stores):
    stores[0].pace.clear()
    first = intake.submit([Event("a")], lambda: None)
    stores[0].entered.wait(20)
    rest = [intake.submit([Event(name)], lambda: None) for name in "bcd"]
    stores[0].pace.set()
    wait_for(lambda: all(ticket.is_done for ticket in [first, *rest]))
    assert [event for group in stores[0].appended for event in group] == ["a", "b", "c", "d"]
    assert len(stores[0].appended) == 2


def test_many_threads_at_once_get_each_their_own_answer(intake, stores):
    failed = []

    def post(name):
        try:
            intake.store([Event(f"{name}-{i}") for i in range(3)])
        except NotStored as fault:
            failed.append(fault)

    threads = [threading.Thread(target=post, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failed == []
    for seen in (stores[0].appended, stores[1].stored):
        assert sorted(event for group in seen for event in group) == sorted(
            f"{n}-{i}" for n in range(40) for i in range(3)
        )


def wait_for(fact):
    pause, deadline = threading.Event(), time.monotonic() + 20
    while not fact():
        assert time.monotonic() < deadline
        pause.wait(0.01)


@pytest.mark.parametrize(
    ("in_journal", "in_inbox", "age_s", "outcome"),
    [
        (True, True, 0, True), (True, False, 0, True), (False, True, 0, True), (False, False, 0, False),
        (None, None, 0, None), (True, None, 0, None), (None, True, 0, None), (False, None, 0, None), (None, False, 0, None),
        (True, None, LATE_S * 1.1, True), (None, True, LATE_S * 1.1, True), (False, None, LATE_S * 1.1, None),
        (None, None, LATE_S * 1.1, None), (None, None, LONGEST_S * 1.1, False), (None, False, LONGEST_S * 1.1, False),
        (None, True, LONGEST_S * 1.1, True),
    ],
)  # fmt: skip
def test_the_outcome_is_a_table(in_journal, in_inbox, age_s, outcome):
    ticket = Ticket([], lambda: None)
    ticket.in_journal, ticket.in_inbox = in_journal, in_inbox
    assert ticket.outcome(ticket.since + age_s) is outcome
    if outcome is None:
        later = ticket.since + age_s + ticket.patience_s(ticket.since + age_s)
        assert later - ticket.since > (LATE_S if age_s <= LATE_S else LONGEST_S)
