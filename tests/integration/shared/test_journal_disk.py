"""Disks that are full, read-only or broken: never a false success, and well again by itself."""

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.journal import Entry, Gap, Journal, JournalFault, JournalUnwritable, disk, read
from tests.integration.shared import journal_child

REPO = Path(__file__).parents[3]
DEADLINE_S = 60.0


def said(folder: Path, command: str, *, before: tuple[str, ...] = ()) -> list[str]:
    """What a child reports, line by line."""
    args = [*before, sys.executable, "-m", "tests.integration.shared.journal_child", str(folder), command]
    done = subprocess.run(args, cwd=REPO, capture_output=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().splitlines()


def numbers(lines: list[str], word: str) -> list[int]:
    return [int(line.split()[1]) for line in lines if line.startswith(f"{word} ")]


def reasons(lines: list[str]) -> set[str]:
    return {line.split(maxsplit=2)[2] for line in lines if line.startswith("refused ")}


def stored(folder: Path) -> list[int]:
    found = [item for path in folder.glob("*.seg") for item in read(path) if isinstance(item, Entry)]
    assert found == [journal_child.entry(int(entry.event_id, 16)) for entry in found]
    return sorted(int(entry.event_id, 16) for entry in found)


def own_disk(tmp_path: Path, command: str) -> list[str]:
    """Runs where it may mount a little disk that nobody else sees."""
    before = ("unshare", "-rm")
    (tmp_path / "disk").mkdir()
    works = shutil.which("unshare") and not subprocess.run(
        [*before, "mount", "-t", "tmpfs", "tmpfs", tmp_path / "disk"], capture_output=True, check=False
    ).returncode  # fmt: skip
    if not works:
        pytest.skip("no mount namespaces here")
    return said(tmp_path / "disk", command, before=before)


def assert_nothing_acknowledged_is_missing(lines: list[str], folder: Path) -> None:
    assert set(numbers(lines, "acked")) <= set(stored(folder))
    assert numbers(lines, "refused")
    assert len(numbers(lines, "acked")) > 60
    assert [line for line in lines if line.startswith("writable")] == ["writable False", "writable True"]


def test_a_file_that_may_not_grow_is_left_and_another_begun(tmp_path):
    lines = said(tmp_path, "limit")
    assert reasons(lines) == {"journal: EFBIG"}
    assert_nothing_acknowledged_is_missing(lines, tmp_path)
    assert "segments 2" in lines


def test_a_full_disk_refuses_and_takes_again_when_there_is_room(tmp_path):
    lines = own_disk(tmp_path, "fill")
    assert reasons(lines) == {"journal: ENOSPC"}
    assert_nothing_acknowledged_is_missing(lines, tmp_path / "kept")


def test_a_disk_that_turned_read_only_refuses_and_takes_again_when_it_is_well(tmp_path):
    lines = own_disk(tmp_path, "read_only")
    assert reasons(lines) == {"journal: EROFS"}
    assert set(numbers(lines, "acked")) <= set(stored(tmp_path / "kept"))
    assert lines[1:4:2] == ["refused 1 journal: EROFS", "refused 2 journal: EROFS"]
    assert numbers(lines, "acked")[0] == 0
    assert len(numbers(lines, "acked")) == 2


def test_on_a_read_only_disk_a_process_does_not_start_unless_it_must(tmp_path):
    lines = own_disk(tmp_path, "read_only")
    (refusal,) = [line for line in lines if line.startswith("unwritable")]
    assert "EROFS" in refusal
    assert "started all the same" in lines


def test_below_the_watermark_appends_are_refused_until_there_is_room(tmp_path):
    lines = own_disk(tmp_path, "watermark")
    assert reasons(lines) == {"journal: too little free space"}
    (free_bytes,) = numbers(lines, "free")
    assert 65_536 <= free_bytes < 300_000
    assert [line for line in lines if line.startswith("writable")] == ["writable False", "writable True"]
    assert numbers(lines, "acked")[-1] == numbers(lines, "refused")[-1] + 1


def test_a_full_disk_does_not_keep_a_process_from_starting(tmp_path):
    lines = own_disk(tmp_path, "full_start")
    assert lines[0] == "writable False"
    assert lines[1].startswith("refused 0 journal: ENOSPC")
    assert numbers(lines, "acked")[-1] == int(lines[-1].split()[1])


def test_a_folder_that_may_not_be_written_refuses_the_start_and_says_what_to_do(tmp_path):
    folder = tmp_path / "journal"
    folder.mkdir(mode=0o555)
    open_up(tmp_path)
    (line,) = said(folder, "start")
    assert line.startswith(f"unwritable the journal's folder {folder} cannot be written (EACCES: Permission denied)")
    assert "TS_JOURNAL_DIR" in line
    assert "chown" in line
    folder.chmod(0o777)
    assert said(folder, "start") == ["started"]


def open_up(folder: Path) -> None:
    """Lets a user without privileges reach the folder."""
    for parent in [folder, *folder.parents]:
        if any(part.startswith("pytest-of") for part in parent.parts):
            parent.chmod(0o755)


def test_a_folder_whose_place_is_taken_by_a_file_refuses_the_start(tmp_path):
    (tmp_path / "journal").write_text("")

    with pytest.raises(JournalUnwritable, match="EEXIST"):
        Journal(tmp_path / "journal", min_free_bytes=0)


def test_a_good_start_leaves_only_its_lock(tmp_path):
    Journal(tmp_path / "a" / "b", min_free_bytes=0)
    (lock,) = (tmp_path / "a" / "b").iterdir()
    assert lock.suffix == ".lock"
    assert lock.stat().st_mode & 0o777 == 0o600


class Disk:
    """The real calls, noted by the file they touch; `fails` makes the next one of that name fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
        self.touched: list[tuple[str, Path]] = []
        self.fails: str | None = None
        for name in ("pwrite", "fdatasync"):
            monkeypatch.setattr(os, name, self._noting(name, getattr(os, name), error))

    def _noting(self, name, real, error):
        def call(fd, *args):
            path = Path(f"/proc/self/fd/{fd}").readlink()
            if path.suffix == ".seg":
                self.touched.append((name, path))
                if self.fails == name:
                    self.fails = None
                    raise OSError(error, os.strerror(error))
            return real(fd, *args)

        return call


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc which file is meant")
@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_a_file_is_never_touched_again_after_an_error(tmp_path, monkeypatch, call):

    noted = Disk(monkeypatch, errno.EIO)
    journal = Journal(tmp_path, min_free_bytes=0)
    journal.append_many([journal_child.entry(1)])
    noted.fails = call
    with pytest.raises(JournalFault, match="journal: EIO"):
        journal.append_many([journal_child.entry(2)])
    assert not journal.is_writable
    (broken,) = {path for _, path in noted.touched}
    calls = len(noted.touched)
    with pytest.raises(JournalFault, match="journal: EIO"):  # no storm: for a second nothing is tried
        journal.append_many([journal_child.entry(3)])
    assert len(noted.touched) == calls
    assert broken not in {fd.readlink() for fd in Path("/proc/self/fd").iterdir() if fd.exists()}

    later = time.monotonic() + disk.REFUSE_S
    monkeypatch.setattr(time, "monotonic", lambda: later)
    journal.append_many([journal_child.entry(4)])
    assert journal.is_writable
    assert broken not in {path for _, path in noted.touched[calls:]}
    journal.rotate()
    assert {1, 4} <= set(stored(tmp_path))
    assert [segment.path == broken for segment in journal.closed_segments()] == [True, False]
    assert [segment.is_whole for segment in journal.closed_segments()] == [False, True]


def test_a_process_without_traffic_notices_that_the_disk_is_well_again(tmp_path, monkeypatch):
    journal = Journal(tmp_path, min_free_bytes=0)
    fdatasync, now = os.fdatasync, time.monotonic()

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fdatasync", broken)
    with pytest.raises(JournalFault):
        journal.append_many([journal_child.entry(1)])
    for seconds in (0.5, 1.5, 3.0):
        monkeypatch.setattr(time, "monotonic", lambda seconds=seconds: now + seconds)
        journal.mend()
        assert not journal.is_writable
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(time, "monotonic", lambda: now + 5)
    journal.mend()
    assert journal.is_writable
    assert [*tmp_path.glob("*.seg")] == []


def test_a_segment_whose_first_append_failed_is_not_left_behind(tmp_path, monkeypatch):

    noted = Disk(monkeypatch, errno.ENOSPC)
    journal = Journal(tmp_path, min_free_bytes=0)
    noted.fails = "fdatasync"
    with pytest.raises(JournalFault):
        journal.append_many([journal_child.entry(1)])
    assert [*tmp_path.glob("*.seg")] == []
    assert journal.closed_segments() == []


def test_the_rest_of_a_write_that_stopped_short_follows(tmp_path, monkeypatch):
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, bytes(data)[:100], at))
    journal = Journal(tmp_path, min_free_bytes=0)
    journal.append_many([journal_child.entry(n) for n in range(5)])
    journal.rotate()
    assert stored(tmp_path) == [0, 1, 2, 3, 4]


def test_what_a_failed_append_left_is_no_damage(tmp_path, monkeypatch):

    real = os.pwrite
    journal = Journal(tmp_path, min_free_bytes=0)
    journal.append_many([journal_child.entry(600)])

    def full(fd, data, at):
        if len(data) < 100:
            raise OSError(errno.ENOSPC, "full")
        return real(fd, bytes(data)[:-50], at)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(JournalFault, match="ENOSPC"):
        journal.append_many([journal_child.entry(601)])
    (segment,) = journal.closed_segments()
    assert not segment.is_whole
    assert [item.is_torn for item in read(segment.path) if isinstance(item, Gap)] == [True]
