"""Recordings on this machine's disk, encrypted: for one machine, without a bucket.

A file is written beside its place as a draft, brought to the disk, read back, and only then linked to its name, which never
overwrites. So under a name there is a whole file or none, whenever the machine stops.
"""

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Final

from shared.domain.sound import Digest, Sound
from shared.errors import Damaged, Transient
from shared.settings import Settings
from shared.store import media_link, sealed
from shared.store.kept import Listed, Receipt, Source
from shared.store.verified import check_all

_DRAFT: Final = ".draft"
_RETRY_S: Final = 60  # whoever makes room on a disk needs some minutes
# No room, no more blocks for this user, or a file larger than a limit allows: the same to us.
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True)
class DiskStore:
    """Files under one folder. Several processes may write at once."""

    settings: Settings

    def put(self, key: str, file: IO[bytes], sound: Sound) -> Receipt:
        """Stores the whole file under `key`, and reads it back before it has its name. Nothing is overwritten: the same
        content there already is fine, after a worker that was killed.

        Raises Damaged("changed") when other content is there, Transient ("disk_full" when it is).
        """
        path = self._path(key)
        with _as_outcomes():
            _make_folders(path.parent, Path(self.settings.recording_dir))
            draft = path.parent / f".{path.name}.{secrets.token_hex(8)}{_DRAFT}"
            try:
                self._write(draft, key, file, sound)
                with suppress(FileExistsError):  # then it is compared below
                    path.hardlink_to(draft)
            finally:
                draft.unlink(missing_ok=True)
                _sync_folder(path.parent)
        try:
            return self.confirm(key, sound)
        except Damaged as fault:
            raise Damaged("changed") from fault

    def confirm(self, key: str, sound: Sound) -> Receipt:
        """Reads the file back and hashes it: a disk keeps no checksum of its own. Raises Damaged, Transient."""
        self.check(key, sound)
        path = self._path(key)
        return {
            "store": "disk",
            "size_bytes": sound.size_bytes,
            "sha256": sound.sha256.hex(),
            "checksum": "read back",
            "encryption": "AES-256-GCM",
            "key_id": self._key_id(path, key),
            "stored_at": datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(),
        }

    def check(self, key: str, sound: Sound) -> None:
        """Reads everything back and hashes it again. Raises Damaged, Transient."""
        self._compare(self._path(key), key, sound)

    def read(self, key: str, start: int, stop: int) -> Source:
        """The bytes from `start` up to `stop`; no frame is opened but theirs. Raises Damaged, Transient."""
        return self._read(self._path(key), key, start, stop)

    def delete(self, key: str) -> Receipt:
        """Deletes the file and what drafts of it a kill has left; none there is fine. Raises Transient."""
        path = self._path(key)
        with _as_outcomes():
            found = [path, *path.parent.glob(f".{path.name}.*{_DRAFT}")]
            gone = sum(_unlinked(each) for each in found)
            if gone:
                _sync_folder(path.parent)
        return {"store": "disk", "files": gone, "deleted_at": datetime.now(UTC).isoformat()}

    def listed(self, prefix: str) -> Iterator[Listed]:
        """The files whose keys begin so, in no order that one may count on. Raises Transient."""
        root = Path(self.settings.recording_dir)
        for path in self._files():
            key = path.relative_to(root).as_posix()
            if key.startswith(prefix) and not path.name.startswith("."):
                with _as_outcomes(), suppress(FileNotFoundError):  # deleted meanwhile
                    told = path.stat()
                    yield Listed(key, sealed.sound_bytes(told.st_size), datetime.fromtimestamp(told.st_mtime, UTC))

    def abort_uploads(self, older_than_s: float) -> int:
        """Removes drafts that nobody has written to for so long: their writers were killed. How many. Raises Transient."""
        before = time.time() - older_than_s
        drafts = (path for path in self._files() if path.name.startswith(".") and path.name.endswith(_DRAFT))
        with _as_outcomes():
            return sum(_unlinked(path) for path in drafts if _modified_s(path) < before)

    def link(self, key: str, *, expires_s: int, filename: str, content_type: str, now: datetime | None = None) -> str:
        """A path of our own that reads the file for `expires_s` seconds, and nothing else."""
        self._path(key)
        link = media_link.Link(key, filename, content_type)
        at = now or datetime.now(UTC)
        return media_link.sealed(self.settings.recording_keys, link, now=at, expires_s=expires_s)

    def open_link(self, token: str, now: datetime) -> media_link.Link | None:
        """What the end of such a path opens; None when it is forged, altered or too old."""
        return media_link.opened(self.settings.recording_keys, token, now)

    def _path(self, key: str) -> Path:
        """Raises ValueError for a key that would leave the folder or hide in it."""
        parts = key.split("/")
        if not key or "\0" in key or any(not part or part.startswith(".") for part in parts):
            raise ValueError("no key of an object")
        return Path(self.settings.recording_dir, *parts)

    def _files(self) -> Iterator[Path]:
        for folder, _folders, names in os.walk(self.settings.recording_dir):
            yield from (Path(folder, name) for name in names)

    def _write(self, draft: Path, key: str, file: IO[bytes], sound: Sound) -> None:
        seal = sealed.new_seal(self.settings.recording_keys, key, sound.size_bytes)
        found = Digest()
        file.seek(0)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(seal.header)
            for number in range(sealed.frames(sound.size_bytes)):
                plain = file.read(sealed.FRAME_BYTES)
                found.update(plain)
                out.write(seal.frame(number, plain))
            out.flush()
            os.fsync(out.fileno())
        if file.read(1) or found.sound(sound.content_type) != sound:
            raise Transient("the file to store is not what was fetched")
        try:
            self._compare(draft, key, sound)
        except Damaged as fault:
            raise Transient(f"store: {fault.reason} on arrival", retry_after_s=_RETRY_S) from fault

    def _compare(self, path: Path, key: str, sound: Sound) -> None:
        with _opened(path) as file:
            held = sealed.read_seal(self.settings.recording_keys, key, file).size_bytes
        if held != sound.size_bytes:
            raise Damaged("truncated" if held < sound.size_bytes else "changed")
        check_all(partial(self._read, path, key), sound)

    def _read(self, path: Path, key: str, start: int, stop: int) -> Source:
        file = _open(path)
        try:
            seal = sealed.read_seal(self.settings.recording_keys, key, file)
            if stop > seal.size_bytes:
                raise Damaged("truncated")
        except BaseException:
            file.close()
            raise
        return Source(_pieces(seal, file, start, stop), file.close)

    def _key_id(self, path: Path, key: str) -> str:
        with _opened(path) as file:
            return sealed.read_seal(self.settings.recording_keys, key, file).key_id


def _pieces(seal: sealed.Seal, file: IO[bytes], start: int, stop: int) -> Iterator[bytes]:
    first = start // sealed.FRAME_BYTES
    with _as_outcomes():
        for number, plain in enumerate(sealed.plain_frames(seal, file, first), first):
            at = number * sealed.FRAME_BYTES
            if at >= stop:
                return
            yield plain[max(start - at, 0) : stop - at]


@contextmanager
def _as_outcomes() -> Iterator[None]:
    """What the disk refuses, as Transient: somebody makes room, mends it or mounts it."""
    try:
        yield
    except OSError as fault:
        name = "disk_full" if fault.errno in _FULL else f"disk: {errno.errorcode.get(fault.errno or 0, 'fault')}"
        raise Transient(name, retry_after_s=_RETRY_S) from fault


def _open(path: Path) -> IO[bytes]:
    """Unbuffered reads of whole frames. Links are not followed: a file of ours is none."""
    with _as_outcomes():
        try:
            return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
        except FileNotFoundError as fault:
            raise Damaged("missing") from fault


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with _open(path) as file, _as_outcomes():
        yield file


def _make_folders(folder: Path, root: Path) -> None:
    """Each new one is brought to the disk by its parent: without that a power cut may take the file with it."""
    if folder.is_dir():
        return
    if folder != root:
        _make_folders(folder.parent, root)
    folder.mkdir(mode=0o700, parents=folder == root, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unlinked(path: Path) -> bool:
    try:
        path.unlink()
        return True
    except FileNotFoundError:
        return False


def _modified_s(path: Path) -> float:
    """Seconds since 1970; of one that is gone meanwhile, now."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()
