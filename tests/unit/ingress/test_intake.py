"""Two stores side by side: one that hangs, fails or breaks holds up nobody, and never makes a false promise."""

import threading
import time

import pytest

from ingress.intake import LAST_RESORT_S, LATE_S, Intake
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
    assert LATE_S <= time.monotonic() - started < LAST_RESORT_S  # one group waits a moment, the next one not at all
    assert stores[1].stored == [["a"], ["b"]]
    stores[0].pace.set()


@pytest.mark.parametrize("fault", [JournalFault("full"), RuntimeError("a bug")])
def test_one_store_is_enough(intake, stores, fault):
    stores[0].fault = fault
    intake.store([Event("a")])
    assert stores[1].stored == [["a"]]


def test_what_only_the_journal_has_is_the_drainers_first_concern(intake, stores):
    stores[1].answer = False
    intake.store([Event("a")])
    assert (stores[0].appended, stores[0].unsent) == ([["a"]], 1)
    assert stores[1].patient == 0


def test_what_neither_store_took_is_never_acknowledged(intake, stores):
    stores[0].fault, stores[1].answer = JournalFault("full"), False
    with pytest.raises(NotStored):
        intake.store([Event("a")])


def test_when_both_are_in_trouble_nobody_waits_for_ever_and_nothing_is_promised(intake, stores):
    stores[0].pace.clear()
    stores[1].answer = False
    started = time.monotonic()
    with pytest.raises(NotStored):
        intake.store([Event("a")])
    assert LAST_RESORT_S <= time.monotonic() - started < LAST_RESORT_S + 5
    assert stores[1].patient == 1


def test_a_slow_disk_is_waited_for_when_redis_is_away(intake, stores):
    stores[0].pace.clear()
    stores[1].answer = False
    threading.Timer(3 * LATE_S, stores[0].pace.set).start()
    intake.store([Event("a")])
    assert (stores[0].appended, stores[0].unsent, stores[1].patient) == ([["a"]], 1, 0)


def test_a_disk_that_is_slow_with_earlier_events_is_waited_for_when_redis_is_away(intake, stores):
    stores[0].pace.clear()
    intake.store([Event("a")])
    stores[1].answer = False
    threading.Timer(3 * LATE_S, stores[0].pace.set).start()
    intake.store([Event("b")])
    assert (stores[0].appended, stores[1].stored, stores[1].patient) == ([["a"], ["b"]], [["a"]], 0)


def test_a_disk_that_has_hung_for_long_is_waited_for_no_more(intake, stores):
    stores[0].pace.clear()
    stores[1].answer = False
    with pytest.raises(NotStored):
        intake.store([Event("a")])
    started = time.monotonic()
    with pytest.raises(NotStored):
        intake.store([Event("b")])
    assert time.monotonic() - started < LAST_RESORT_S
    assert stores[1].patient == 2


def test_what_the_disk_was_too_late_for_goes_to_it_with_the_next_events(intake, stores):
    stores[0].pace.clear()
    intake.store([Event("a")])
    intake.store([Event("b")])
    intake.store([Event("c")])  # only Redis has these two, and Redis may forget
    stores[0].pace.set()
    while len(stores[0].appended) < 2:
        intake.store([Event("d")])
    assert stores[0].appended[:2] == [["a"], ["b", "c", *["d"] * (len(stores[0].appended[1]) - 2)]]


def test_what_the_disk_was_too_late_for_goes_to_it_also_when_nobody_comes_any_more(intake, stores):
    stores[0].pace.clear()
    intake.store([Event("a")])
    intake.store([Event("b")])
    intake.catch_up()
    assert stores[0].appended == []
    stores[0].pace.set()
    deadline = time.monotonic() + 20
    while stores[0].appended != [["a"], ["b"]] and time.monotonic() < deadline:
        intake.catch_up()
    assert stores[0].appended == [["a"], ["b"]]


def test_what_the_disk_was_too_late_for_goes_to_it_before_the_process_ends(stores):
    intake = Intake(*stores)
    stores[0].pace.clear()
    intake.store([Event("a")])
    intake.store([Event("b")])
    threading.Timer(3 * LATE_S, stores[0].pace.set).start()
    intake.close()
    assert stores[0].appended == [["a"], ["b"]]


def test_a_disk_that_hangs_for_ever_costs_no_more_memory_than_is_agreed(intake, stores, monkeypatch):
    monkeypatch.setattr("ingress.intake._MOST_OWED", 3)
    stores[0].pace.clear()
    for name in "abcdefg":
        intake.store([Event(name)])
    assert [entry.event_id for entry in intake._owed] == ["e", "f", "g"]


def test_a_disk_that_comes_back_is_used_again(intake, stores):
    stores[0].pace.clear()
    intake.store([Event("a")])
    intake.store([Event("b")])  # the disk still hangs on the first one: nobody waits for it any more
    stores[0].pace.set()
    names = iter(range(1000))
    while not any(n.startswith("c") for group in stores[0].appended for n in group):
        intake.store([Event(f"c{next(names)}")])
    assert stores[0].appended[0] == ["a"]


def test_without_a_journal_redis_is_given_all_the_time_there_is(intake, stores):
    stores[0].fault, stores[0].is_writable = JournalFault("full"), False
    stores[1].answer, stores[1].patient_answer = False, True
    intake.store([Event("a")])
    assert stores[1].patient == 1


def test_those_who_wait_are_stored_together(intake, stores):
    stores[1].pace.clear()
    threads = [threading.Thread(target=intake.store, args=([Event(str(n))],)) for n in range(20)]
    for thread in threads:
        thread.start()
    stores[0].entered.wait(20)
    stores[1].pace.set()
    for thread in threads:
        thread.join(20)
    assert sorted(event for group in stores[1].stored for event in group) == sorted(str(n) for n in range(20))
    assert len(stores[1].stored) < 20
    assert stores[0].appended == stores[1].stored


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
