"""Journals of processes that were killed: what was acknowledged reads back, and somebody takes it over."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from shared.journal import Entry, Journal, read
from tests.integration.shared import journal_child

REPO = Path(__file__).parents[3]


@contextmanager
def child(folder: Path, command: str) -> Iterator[subprocess.Popen[bytes]]:
    args = [sys.executable, "-m", "tests.integration.shared.journal_child", str(folder), command]
    process = subprocess.Popen(args, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def acked(lines: bytes) -> set[int]:
    """Only whole lines count: the last may be cut."""
    whole = lines.decode().split("\n")[:-1]
    return {int(line.split()[1]) for line in whole if line.startswith("acked")}


def killed_while_writing(folder: Path, *, after_acks: int) -> set[int]:
    with child(folder, "write") as process:
        lines = b"".join(process.stdout.readline() for _ in range(after_acks))
        os.kill(process.pid, signal.SIGKILL)
        return acked(lines + process.stdout.read())


def entries_of(journal: Journal) -> list[Entry]:
    return [item for segment in journal.closed_segments() for item in read(segment.path) if isinstance(item, Entry)]


@pytest.mark.parametrize("seed", range(6))
def test_every_acknowledged_entry_of_a_killed_process_is_adopted_and_reads_back(tmp_path, seed):
    promised = killed_while_writing(tmp_path, after_acks=random.Random(seed).randrange(1, 900))
    journal = Journal(tmp_path, min_free_bytes=0)
    found = entries_of(journal)
    written = {int(entry.event_id, 16) for entry in found}
    assert promised <= written
    assert found == [journal_child.entry(int(entry.event_id, 16)) for entry in found]  # whole, and nothing made up
    assert len(written - promised) <= 3  # what the three threads were in the middle of
    assert len(found) == len(written)


def test_what_was_adopted_and_settled_leaves_nothing_behind(tmp_path):
    killed_while_writing(tmp_path, after_acks=300)
    journal = Journal(tmp_path, min_free_bytes=0)
    adopted = journal.closed_segments()
    assert adopted
    assert all(segment.has_unsent for segment in adopted)  # the dead cannot say
    for segment in adopted:
        journal.settle(segment)
    assert journal.closed_segments() == []
    assert len([*tmp_path.iterdir()]) == 1  # our own lock
    journal.close()
    assert [*tmp_path.iterdir()] == []


def test_nobody_adopts_from_the_living(tmp_path):
    with child(tmp_path, "write") as process:
        journal = Journal(tmp_path, min_free_bytes=0)
        for _ in range(200):
            process.stdout.readline()
        assert [*tmp_path.glob("*.seg")]
        assert journal.closed_segments() == []
        process.kill()
        process.wait()
        assert journal.closed_segments() != []


@pytest.mark.parametrize("racers", [2, 4])
def test_each_orphan_is_adopted_by_exactly_one_of_those_who_race_for_it(tmp_path, racers):
    for _ in range(2):
        killed_while_writing(tmp_path, after_acks=150)
    orphans = sorted(path.name for path in tmp_path.glob("*.seg"))
    with ExitStack() as stack:
        processes = [stack.enter_context(child(tmp_path, "adopt")) for _ in range(racers)]
        for process in processes:
            assert process.stdout.readline() == b"ready\n"
        for process in processes:
            process.stdin.write(b"go\n")
            process.stdin.flush()
        got = [process.stdout.readline().decode().split()[1:] for process in processes]
    assert sorted(name for names in got for name in names) == orphans


def test_what_an_adopter_did_not_settle_before_it_died_too_is_adopted_again(tmp_path):
    killed_while_writing(tmp_path, after_acks=150)
    orphans = sorted(path.name for path in tmp_path.glob("*.seg"))
    with child(tmp_path, "adopt") as process:
        process.stdin.write(b"go\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n"
        assert process.stdout.readline().decode().split()[1:] == orphans
    journal = Journal(tmp_path, min_free_bytes=0)
    assert sorted(segment.path.name for segment in journal.closed_segments()) == orphans


def test_a_process_that_died_without_a_segment_leaves_a_lock_that_is_swept_away(tmp_path):
    with child(tmp_path, "adopt") as process:
        assert process.stdout.readline() == b"ready\n"
    journal = Journal(tmp_path, min_free_bytes=0)
    assert len([*tmp_path.iterdir()]) == 2
    journal.closed_segments()
    assert len([*tmp_path.iterdir()]) == 1


def test_segments_without_a_lock_file_are_adopted_once_nobody_can_be_writing_them(tmp_path):
    killed_while_writing(tmp_path, after_acks=150)
    for lock in tmp_path.glob("*.lock"):
        lock.unlink()
    journal = Journal(tmp_path, min_free_bytes=0)
    assert journal.closed_segments() == []
    long_ago = time.time() - 61
    for segment in tmp_path.glob("*.seg"):
        os.utime(segment, (long_ago, long_ago))
    assert journal.closed_segments() != []
