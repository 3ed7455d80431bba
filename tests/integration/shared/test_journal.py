"""A journal on a healthy disk: appending, sharing one fdatasync, closing segments, and handing them on."""

import fcntl
import os
import threading
import time

import pytest

from shared.journal import Entry, Gap, Journal, facts, journal, owner, read
from shared.journal.segment import owner_of


def entry(number: int, size_bytes: int = 20) -> Entry:
    return Entry(f"{number:032x}", bytes([number % 256]) * size_bytes)


def stored(folder) -> list[Entry]:
    return [item for path in sorted(folder.glob("*.seg")) for item in read(path) if isinstance(item, Entry)]


@pytest.fixture
def ours(tmp_path):
    opened = Journal(tmp_path, min_free_bytes=0)
    yield opened
    opened.close()


class Syncs:
    """Counts the real fsyncs by what they were for."""

    def __init__(self, monkeypatch) -> None:
        self.folders = self.segments = 0
        fsync, fdatasync = os.fsync, os.fdatasync

        def of_folder(fd: int) -> None:
            self.folders += 1
            fsync(fd)

        def of_segment(fd: int) -> None:
            self.segments += 1
            fdatasync(fd)

        monkeypatch.setattr(os, "fsync", of_folder)
        monkeypatch.setattr(os, "fdatasync", of_segment)


def test_a_batch_costs_one_fdatasync_and_a_segment_one_fsync_of_the_folder(tmp_path, ours, monkeypatch):
    syncs = Syncs(monkeypatch)
    for first in (0, 32):
        ours.append_many([entry(n) for n in range(first, first + 32)])
    assert (syncs.segments, syncs.folders) == (2, 1)
    assert stored(tmp_path) == [entry(n) for n in range(64)]


def test_nothing_to_append_touches_nothing(tmp_path, ours):
    ours.append_many([])
    assert [*tmp_path.glob("*.seg")] == []


def test_an_entry_is_in_the_file_when_append_returns(tmp_path, ours):
    for number in range(20):
        ours.append_many([entry(number)])
        assert stored(tmp_path)[-1] == entry(number)


def test_threads_that_append_at_the_same_moment_share_an_fdatasync(tmp_path, ours, monkeypatch):
    syncs = Syncs(monkeypatch)
    together = threading.Barrier(8)

    def run(first: int) -> None:
        for number in range(first, first + 25):
            together.wait()
            ours.append_many([entry(number)])

    threads = [threading.Thread(target=run, args=(100 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(item.event_id for item in stored(tmp_path)) == sorted(
        entry(100 * n + k).event_id for n in range(8) for k in range(25)
    )
    assert syncs.segments < 150  # of 200 appends; a write that is under way takes no one aboard


def test_a_segment_that_would_grow_too_large_is_closed_first(tmp_path, ours, monkeypatch):
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 10_000)
    for number in range(30):
        ours.append_many([entry(number, 1000)])
    sizes = [segment.path.stat().st_size for segment in ours.closed_segments()]
    assert len(sizes) == 3
    assert all(9_000 < size <= 10_000 for size in sizes)
    assert len(stored(tmp_path)) == 30


def test_a_batch_larger_than_a_segment_is_stored_whole(tmp_path, ours, monkeypatch):
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 10_000)
    ours.append_many([entry(number, 1000) for number in range(50)])
    assert len(stored(tmp_path)) == 50


def test_an_old_segment_is_closed_by_the_next_append(ours, monkeypatch):
    ours.append_many([entry(1)])
    later = time.monotonic() + journal.SEGMENT_S
    monkeypatch.setattr(time, "monotonic", lambda: later)
    ours.append_many([entry(2)])
    (closed,) = ours.closed_segments()
    assert [*read(closed.path)] == [entry(1)]


def test_rotating_closes_what_is_old_enough_and_only_if_there_is_anything(ours):
    ours.rotate()
    assert ours.closed_segments() == []
    ours.append_many([entry(1)])
    ours.rotate(if_older_than_s=60)
    assert ours.closed_segments() == []
    ours.rotate()
    (closed,) = ours.closed_segments()
    assert (closed.is_whole, closed.has_unsent) == (True, False)
    assert [*read(closed.path)] == [entry(1)]  # nothing of the allocated space is left


def test_one_look_at_closed_segments_knows_the_same_ones_as_the_last(ours):
    ours.append_many([entry(1)])
    ours.rotate()
    (first,), (again,) = ours.closed_segments(), ours.closed_segments()
    assert first is again


def test_what_did_not_reach_the_inbox_marks_the_segment_it_lies_in(ours):
    ours.append_many([entry(1)])
    assert not ours.has_unsent
    ours.note_unsent()
    assert ours.has_unsent
    ours.rotate()
    assert not ours.has_unsent
    ours.append_many([entry(2)])
    assert not ours.has_unsent
    ours.rotate()
    assert [segment.has_unsent for segment in ours.closed_segments()] == [True, False]


def test_a_segment_closed_between_append_and_the_note_is_marked_too(ours):
    ours.append_many([entry(1)])
    ours.rotate()
    ours.note_unsent()
    assert [segment.has_unsent for segment in ours.closed_segments()] == [True]


def test_the_note_about_an_entry_is_not_lost_when_others_append_in_between(ours):
    ours.append_many([entry(1)])
    ours.rotate()
    ours.append_many([entry(2)])
    ours.note_unsent()
    assert ours.has_unsent
    assert [segment.has_unsent for segment in ours.closed_segments()] == [True]


def test_a_note_does_not_concern_what_was_closed_long_ago(ours, monkeypatch):
    ours.append_many([entry(1)])
    ours.rotate()
    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)
    ours.append_many([entry(2)])
    ours.note_unsent()
    assert [segment.has_unsent for segment in ours.closed_segments()] == [False]


def test_settled_segments_are_gone_and_damaged_ones_are_kept_aside(tmp_path, ours):
    for number in (1, 2):
        ours.append_many([entry(number)])
        ours.rotate()
    first, second = ours.closed_segments()
    ours.settle(first)
    ours.set_apart(second)
    assert ours.closed_segments() == []
    (kept,) = [path for path in tmp_path.iterdir() if path.suffix == ".damaged"]
    assert [*read(kept)] == [entry(2)]
    assert (facts(tmp_path).segments, facts(tmp_path).damaged) == (0, 1)


def test_facts_count_the_whole_folder(tmp_path, ours):
    other = Journal(tmp_path, min_free_bytes=0)
    for one in (ours, other):
        one.append_many([entry(1, 1000)])
        one.rotate()
    found = facts(tmp_path)
    assert (found.segments, found.damaged) == (2, 0)
    assert found.size_bytes == sum(path.stat().st_size for path in tmp_path.glob("*.seg"))
    assert found.free_bytes > 0
    assert ours.free_bytes > 0


def test_closing_hands_what_is_not_settled_to_whoever_looks_next(tmp_path, ours):
    leaving = Journal(tmp_path, min_free_bytes=0)
    leaving.append_many([entry(1)])
    assert ours.closed_segments() == []
    leaving.close()
    (adopted,) = ours.closed_segments()
    assert [*read(adopted.path)] == [entry(1)]


def test_closing_with_nothing_left_leaves_no_file(tmp_path):
    leaving = Journal(tmp_path, min_free_bytes=0)
    leaving.append_many([entry(1)])
    leaving.rotate()
    leaving.settle(*leaving.closed_segments())
    leaving.close()
    assert [*tmp_path.iterdir()] == []


def test_an_append_after_closing_is_stored_and_adopted_like_any_other(tmp_path, ours):
    leaving = Journal(tmp_path, min_free_bytes=0)
    leaving.close()
    leaving.append_many([entry(1)])
    leaving.close()
    (adopted,) = ours.closed_segments()
    assert [*read(adopted.path)] == [entry(1)]


def test_a_lock_file_that_somebody_removed_is_replaced_with_the_next_segment(tmp_path, ours):
    ours.append_many([entry(1)])
    for lock in tmp_path.glob("*.lock"):
        lock.unlink()
    neighbour = Journal(tmp_path, min_free_bytes=0)
    assert neighbour.closed_segments() == []  # it may still be written
    ours.rotate()
    ours.append_many([entry(2)])
    ours.rotate()
    assert neighbour.closed_segments() == []
    first, second = ours.closed_segments()
    assert [[*read(segment.path)] for segment in (first, second)] == [[entry(1)], [entry(2)]]
    assert (tmp_path / f"{owner_of(second.path)}.lock").exists()


def test_a_lock_file_swept_away_in_the_moment_it_was_made_counts_for_nothing(tmp_path, monkeypatch):
    flock, swept = fcntl.flock, []

    def sweeping(fd: int, how: int) -> None:
        flock(fd, how)
        if not swept:
            swept.extend(tmp_path.glob("*.lock"))
            swept[0].unlink()

    monkeypatch.setattr(fcntl, "flock", sweeping)
    mine = owner.new_owner(tmp_path)
    assert swept
    assert mine.is_intact
    assert mine.path.exists()
    mine.release(is_done=True)


def test_files_that_are_not_ours_to_open_do_not_keep_us_from_the_rest(tmp_path, ours):
    (tmp_path / f"a-{'0' * 16}.lock").mkdir()  # whoever we are, this cannot be locked
    leaving = Journal(tmp_path, min_free_bytes=0)
    leaving.append_many([entry(1)])
    leaving.close()
    assert len(ours.closed_segments()) == 1


def test_files_of_others_are_left_alone(tmp_path, ours):
    for name in ("notes.txt", "notes.seg", "other.lock"):
        (tmp_path / name).write_text("mine")
    assert ours.closed_segments() == []
    assert {path.name for path in tmp_path.iterdir()} >= {"notes.txt", "notes.seg", "other.lock"}


def test_a_segment_in_use_is_torn_at_most(tmp_path, ours):
    """Space beyond the last entry is allocated and empty; whoever reads the file now sees no damage."""
    ours.append_many([entry(1)])
    (path,) = tmp_path.glob("*.seg")
    assert [item.is_torn for item in read(path) if isinstance(item, Gap)] == [True]


def test_the_free_space_is_not_asked_for_with_every_append(ours, monkeypatch):
    asked = []
    statvfs = os.statvfs
    monkeypatch.setattr(os, "statvfs", lambda path: asked.append(path) or statvfs(path))
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for number in range(100):
        ours.append_many([entry(number)])
    assert len(asked) == 1
    ours.append_many([entry(100, 1024 * 1024)])
    assert len(asked) == 2
    monkeypatch.setattr(time, "monotonic", lambda: now + 0.2)
    ours.append_many([entry(101)])
    assert len(asked) == 3


def test_a_signal_in_the_middle_of_a_write_gives_the_file_up(tmp_path, ours, monkeypatch):
    ours.append_many([entry(1)])
    fdatasync = os.fdatasync

    def interrupted(fd: int) -> None:
        raise SystemExit

    monkeypatch.setattr(os, "fdatasync", interrupted)
    with pytest.raises(SystemExit):
        ours.append_many([entry(2)])
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    ours.append_many([entry(3)])
    assert len([*tmp_path.glob("*.seg")]) == 2
    assert {entry(1), entry(3)} <= set(stored(tmp_path))
