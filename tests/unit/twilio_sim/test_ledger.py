"""The burst meter and the sums of the ledger."""

import threading

import pytest

from ops.twilio_sim.books import Book
from ops.twilio_sim.clock import Clock
from ops.twilio_sim.ledger import Ledger, largest_burst


@pytest.mark.parametrize(
    ("moments", "most"),
    [
        ([], 0),
        ([(0.0, 3)], 3),
        ([(0.0, 1), (0.999, 1)], 2),
        ([(0.0, 1), (1.0, 1)], 1),
        ([(0.0, 1), (0.6, 2), (1.2, 3), (5.0, 4)], 5),
    ],
)
def test_the_largest_burst_is_that_of_the_fullest_second(moments, most):
    assert largest_burst(moments, 1.0) == most


def test_sums_show_what_must_not_be():
    ledger = Ledger(Clock(1))
    form = {"To": "+1", "From": "+2", "Body": "x" * 161, "StatusCallback": "http://x/?a=1&message_id=m1#rc=2"}
    for number in range(2):
        line = ledger.open(form, opted_out=number == 1)
        line.sid, line.answer, line.http_status = f"SM{number}", "given", 201
    lost = ledger.open({"To": "+1", "MessagingServiceSid": "MG1"}, opted_out=False)
    lost.sid, lost.answer = "SM9", "lost"
    ledger.open({}, opted_out=True).answer = "lost"
    found = ledger.summary([1.0])
    assert found["made_twice"] == {"m1": ["SM0", "SM1"]}
    assert found["made_though_opted_out"] == ["SM1"]
    assert found["outcomes"] == {"201": 2, "lost, made": 1, "lost": 1}
    assert found["senders"]["+2"] == {"messages": 2, "segments": 4, "most_in_s": {"1": 4}}
    assert found["senders"]["MG1"]["messages"] == 1
    assert [line.n for line in ledger.lines(after=1, limit=2)] == [2, 3]


class Row:
    def __init__(self, sid, name):
        self.sid, self.name = sid, name


def test_a_book_is_read_by_heading_from_a_place_in_both_directions():
    book = Book(threading.RLock(), lambda row: row.name)
    for number in range(6):
        book.add(Row(f"S{number}", "even" if number % 2 == 0 else "odd"))
    book.remove("S2")

    def sids(rows):
        return [row.sid for row in rows]

    assert sids(book) == ["S0", "S1", "S3", "S4", "S5"]
    assert sids(book.newest_first()) == ["S5", "S4", "S3", "S1", "S0"]
    assert sids(book.newest_first(heading="even", before=book.place("S4"))) == ["S0"]
    assert sids(book.newer_than(book.place("S1"))) == ["S3", "S4", "S5"]
    assert sids(book.newer_than(book.place("S1"), heading="odd")) == ["S3", "S5"]
    assert sids(book.newest_first(heading="none")) == []
