"""Who writes for whom when several threads store at the same moment."""

import threading
import time
from collections.abc import Callable

import pytest

from shared.errors import NotStored
from shared.journal import group
from shared.journal.group import GroupCommit
from shared.journal.segment import Entry

DEADLINE_S = 10.0


class Disk:
    """Notes what is committed; the first commit lasts until `finish`."""

    def __init__(self) -> None:
        self.commits: list[list[str]] = []
        self.began, self.finish = threading.Event(), threading.Event()
        self.faults: dict[int, BaseException] = {}

    def commit(self, entries: list[Entry]) -> None:
        self.commits.append([entry.event_id for entry in entries])
        if len(self.commits) == 1:
            self.began.set()
            assert self.finish.wait(DEADLINE_S)
        if fault := self.faults.get(len(self.commits)):
            raise fault


def in_thread(work: Callable[[], None]) -> tuple[threading.Thread, list[BaseException | None]]:
    ended: list[BaseException | None] = []

    def run() -> None:
        try:
            work()
            ended.append(None)
        except BaseException as fault:  # noqa: BLE001
            ended.append(fault)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, ended


def submitted(commits: GroupCommit, disk: Disk, event_id: str) -> tuple[threading.Thread, list[BaseException | None]]:
    """A thread that has brought its entry, and is either writing it or waiting."""
    started = in_thread(lambda: commits.submit([Entry(event_id, b"")]))
    deadline = time.monotonic() + DEADLINE_S
    while not any(event_id in ids for ids in [*disk.commits, *waiting(commits)]):
        assert time.monotonic() < deadline or started[1]
    return started


def waiting(commits: GroupCommit) -> list[list[str]]:
    return [[entry.event_id for entry in batch.entries] for batch in list(commits._waiting)]


def outcome(started: tuple[threading.Thread, list[BaseException | None]]) -> BaseException | None:
    thread, ended = started
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    return ended[0]


@pytest.fixture
def disk() -> Disk:
    return Disk()


def test_those_who_come_during_a_write_share_the_next_one(disk):
    commits = GroupCommit(disk.commit)
    leader = submitted(commits, disk, "a")
    followers = [submitted(commits, disk, name) for name in "bcdef"]
    disk.finish.set()
    assert [outcome(one) for one in (leader, *followers)] == [None] * 6
    assert disk.commits == [["a"], [*"bcdef"]]


def test_a_refusal_is_told_to_all_whose_entries_were_in_it_and_to_no_other(disk):
    commits = GroupCommit(disk.commit)
    disk.faults[2] = NotStored("full")
    leader = submitted(commits, disk, "a")
    followers = [submitted(commits, disk, name) for name in "bc"]
    disk.finish.set()
    assert outcome(leader) is None
    assert [outcome(one).reason for one in followers] == ["full", "full"]
    commits.submit([Entry("d", b"")])
    assert disk.commits[-1] == ["d"]


def test_a_leader_ended_by_a_signal_leaves_the_others_a_leader(disk):
    commits = GroupCommit(disk.commit)
    disk.faults[1] = SystemExit()
    leader, follower = submitted(commits, disk, "a"), submitted(commits, disk, "b")
    disk.finish.set()
    assert isinstance(outcome(leader), SystemExit)
    assert outcome(follower) is None
    commits.submit([Entry("c", b"")])
    assert disk.commits == [["a"], ["b"], ["c"]]


def test_who_waits_too_long_is_told_no_and_is_not_written_afterwards(disk, monkeypatch):
    monkeypatch.setattr(group, "_PATIENCE_S", 0.01)
    commits = GroupCommit(disk.commit)
    leader = submitted(commits, disk, "a")
    with pytest.raises(NotStored):
        commits.submit([Entry("b", b"")])
    disk.finish.set()
    assert outcome(leader) is None
    commits.submit([Entry("c", b"")])
    assert disk.commits == [["a"], ["c"]]
