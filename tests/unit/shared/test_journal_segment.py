"""Whatever happens to a segment's bytes: what lies before the damage reads back, and nothing is ever made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.journal.segment import Entry, Gap, Segment, encoded, owner_of, read, scan

MARK = bytes.fromhex("c3a91f0072eb55d0")
ids = st.text(st.characters(codec="utf-8"), max_size=40)
entries = st.lists(st.builds(Entry, ids, st.binary(max_size=200)), min_size=1, max_size=6)


def found_in(data: bytes) -> list[Entry]:
    return [item for item in scan(data, MARK) if isinstance(item, Entry)]


def gaps_in(data: bytes) -> list[Gap]:
    return [item for item in scan(data, MARK) if isinstance(item, Gap)]


def ends(written: list[Entry]) -> list[int]:
    """Where each record ends."""
    return [len(encoded(written[: n + 1], MARK)) for n in range(len(written))]


@given(entries)
def test_what_was_written_reads_back(written):
    assert list(scan(encoded(written, MARK), MARK)) == written


@given(entries)
def test_cut_off_at_any_byte_everything_before_the_cut_reads_back_and_the_rest_is_torn(written):
    data = encoded(written, MARK)
    for cut in range(len(data)):
        whole = [entry for entry, end in zip(written, ends(written), strict=True) if end <= cut]
        assert found_in(data[:cut]) == whole
        is_between_records = cut in [0, *ends(written)]
        assert [gap.is_torn for gap in gaps_in(data[:cut])] == ([] if is_between_records else [True])


@given(entries, st.data())
def test_one_flipped_bit_costs_one_entry_and_brings_none(written, draw):
    data = bytearray(encoded(written, MARK))
    bit = draw.draw(st.integers(0, len(data) * 8 - 1))
    data[bit // 8] ^= 1 << bit % 8
    hit = next(n for n, end in enumerate(ends(written)) if bit // 8 < end)
    assert found_in(bytes(data)) == written[:hit] + written[hit + 1 :]
    (gap,) = gaps_in(bytes(data))
    assert (gap.at_byte, gap.size_bytes) == ([0, *ends(written)][hit], len(encoded([written[hit]], MARK)))
    assert not gap.is_torn or hit == len(written) - 1


@given(entries, st.binary(min_size=1, max_size=300), st.data())
def test_a_stretch_of_rubbish_costs_what_it_covers_and_brings_nothing(written, rubbish, draw):
    data = encoded(written, MARK)
    at = draw.draw(st.integers(0, len(data) - 1))
    broken = (data[:at] + rubbish + data[at + len(rubbish) :])[: max(len(data), at + len(rubbish))]
    spans = zip(written, [0, *ends(written)], ends(written), strict=False)
    kept = [entry for entry, start, end in spans if end <= at or start >= at + len(rubbish)]
    found = found_in(broken)
    assert comes_in(kept, found)
    assert comes_in(found, written)  # rubbish may be what was there


def comes_in(some: list[Entry], all_of: list[Entry]) -> bool:
    """Whether `some` are among `all_of`, in the same order."""
    rest = iter(all_of)
    return all(entry in rest for entry in some)


@given(entries, st.integers(1, 5000))
def test_space_that_was_only_allocated_is_nobodys_entry_and_no_damage(written, zeros):
    data = encoded(written, MARK) + bytes(zeros)
    assert found_in(data) == written
    assert [gap.is_torn for gap in gaps_in(data)] == [True]


def test_a_write_torn_inside_allocated_space_is_torn():
    first, second = Entry("a", b"[1]"), Entry("b", b"[22222]")
    data = encoded([first, second], MARK)
    broken = data[:-4] + bytes(4096)
    assert found_in(broken) == [first]
    assert [gap.is_torn for gap in gaps_in(broken)] == [True]


def test_a_last_record_of_full_length_with_another_content_is_damage_and_not_torn():
    data = bytearray(encoded([Entry("a", b"[1]"), Entry("b", b"[2]")], MARK))
    data[-2] ^= 1
    assert [gap.is_torn for gap in gaps_in(bytes(data))] == [False]


def test_a_payload_that_looks_like_a_record_is_none_even_when_the_record_around_it_is_damaged():
    forged = encoded([Entry("forged", b"[]")], b"TSJ1TSJ1")
    data = bytearray(encoded([Entry("a", b"x" + forged + b"y"), Entry("b", b"[2]")], MARK))
    data[9] ^= 1
    assert found_in(bytes(data)) == [Entry("b", b"[2]")]


def test_records_of_another_process_are_none():
    assert found_in(encoded([Entry("a", b"[]")], bytes(range(8)))) == []


def test_a_segments_name_says_whose_it_is(tmp_path):
    path = tmp_path / f"web-1.example-0a1b2c3d-77-{MARK.hex()}-12.seg"
    path.write_bytes(encoded([Entry("a", b"[]")], MARK))
    assert owner_of(path) == f"web-1.example-0a1b2c3d-77-{MARK.hex()}"
    assert list(read(path)) == [Entry("a", b"[]")]
    kept = path.rename(tmp_path / f"{path.name}.damaged")
    assert list(read(kept)) == [Entry("a", b"[]")]


@pytest.mark.parametrize("name", ["notes.seg", "a-0a1b-7.seg", f"-{'0' * 15}-1.seg", "x.lock", f"a-{'0' * 16}-x.seg"])
def test_other_files_are_no_segments(tmp_path, name):
    assert owner_of(tmp_path / name) is None
    with pytest.raises(ValueError, match="not the name of a segment"):
        read(tmp_path / name)


def test_two_segments_are_never_the_same(tmp_path):
    assert Segment(tmp_path) != Segment(tmp_path)
