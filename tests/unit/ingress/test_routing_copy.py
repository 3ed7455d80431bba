"""A copy of the numbers reads back whole, or not at all."""

import json
import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ingress import routing_copy
from ingress.routing_copy import FileCopy, Torn, head_of, packed, unpacked
from shared.domain.hours import Hours
from shared.domain.routing import Emergency, Number, RecordingPolicy, Routing, Target, forwards, unknown_number

NUMBERS = [
    Number("+14155550100", "tenant-1", forwards("+14155550199"), 3, "active"),
    Number("+14155550101", None, Routing(greeting="Grüezi 😀\n<&>"), 1, None),
    Number(
        "+14155550102", "t",
        Routing(
            (Target("sip:a@example.com", 9), Target("client:b")), "at_once",
            hours=Hours("America/New_York", (((540, 1020),),) * 7),
            emergency=Emergency("+14155550198"), recording=RecordingPolicy("on", "press"), blocked=frozenset({"+1900*"}),
        ),
    ),
]  # fmt: skip
LINES = {number.phone_number: routing_copy.line(number) for number in NUMBERS}
HEAD, DATA = packed(LINES, 1_764_000_000_000_000)


def test_every_number_reads_back_as_it_was():
    copy = unpacked(DATA)
    assert copy.head == HEAD == head_of(DATA)
    assert copy.numbers == {number.phone_number: number for number in NUMBERS}


def test_the_same_numbers_have_the_same_hash_whenever_they_are_copied():
    later, _ = packed(dict(reversed(LINES.items())), 1_764_000_000_000_001)
    assert (later.digest, later.taken_us) == (HEAD.digest, HEAD.taken_us + 1)


@given(st.integers(0, len(DATA) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_a_copy_that_was_touched_is_whole_or_torn(at, put, taken):
    damaged = DATA[:at] + put + DATA[at + taken :]
    try:
        copy = unpacked(damaged)
    except Torn:
        return
    assert copy.numbers == unpacked(DATA).numbers  # only the moment it tells is not hashed


@given(st.binary(max_size=400))
def test_bytes_of_any_kind_are_torn(data):
    with pytest.raises(Torn):
        unpacked(data)
    with pytest.raises(Torn):
        unpacked(DATA[: len(DATA) // 2])


@pytest.mark.parametrize("line", [b"no json", b"{}", b"[1, 2]", b"\xff", b"7"])
def test_whole_lines_that_are_no_numbers_are_torn_too(line):
    with pytest.raises(Torn):
        unpacked(packed({"+14155550100": line}, 1)[1])


def test_a_copy_of_another_layout_is_not_read():
    with pytest.raises(Torn, match="layout"):
        head_of(DATA.replace(b" 001 ", b" 002 ", 1))


def test_a_document_of_another_release_breaks_no_other_number():
    lines = {**LINES, "+14155550103": json.dumps(["+14155550103", "t", 1, None, {"teleport": True}]).encode()}
    _, data = packed(lines, 1)
    numbers = unpacked(data).numbers
    assert numbers["+14155550103"].routing == unknown_number("+14155550103").routing
    assert numbers["+14155550100"] == NUMBERS[0]


def test_a_file_is_replaced_as_a_whole(tmp_path):
    copy = FileCopy(tmp_path / "deep" / "routing")
    assert copy.head() is None
    assert copy.read() is None
    assert copy.write(DATA)
    assert copy.head() == HEAD
    assert copy.read() == unpacked(DATA)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["routing"]
    assert (tmp_path / "deep" / "routing").stat().st_mode & 0o777 == 0o600


def test_a_disk_that_takes_nothing_is_told_and_survived(tmp_path):
    (tmp_path / "file").write_text("")
    assert not FileCopy(tmp_path / "file" / "routing").write(DATA)


def test_a_copy_that_can_be_read_and_not_written_is_complained_of_once(tmp_path):
    copy = FileCopy(tmp_path / "routing")
    assert copy.write(DATA)
    (tmp_path / f".routing.{os.getpid()}").mkdir()  # where the next one would be written
    with capture_logs() as logs:
        for _ in range(3):
            assert (copy.head(), copy.write(DATA)) == (HEAD, False)
    assert [line["event"] for line in logs] == ["routing_copy_ignored"]


def test_what_is_packed_is_packed():
    assert zlib.decompress(DATA[DATA.index(b"\n") + 1 :]).count(b"\n") == len(NUMBERS) - 1
