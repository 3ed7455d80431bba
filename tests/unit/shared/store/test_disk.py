"""Recordings on a disk: whole under their name or not there, and refused when a byte of them is not what was written."""

import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest

from shared.domain.sound import Digest, Sound
from shared.errors import Damaged, Transient
from shared.settings import BadSettings, load
from shared.store import open_store
from shared.store.disk import DiskStore
from shared.store.s3 import S3Store
from shared.store.sealed import FRAME_BYTES, TAG_BYTES, file_bytes, sound_bytes
from shared.store.verified import verified

NEEDED = {
    "TS_PUBLIC_URL": "https://x.example", "TS_REDIS_URL": "redis://x", "TS_DATABASE_URL": "postgresql://x/y",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t",
}  # fmt: skip
OLD, NEW = f"old={b64encode(b'o' * 32).decode()}", f"new={b64encode(b'n' * 32).decode()}"
KEY = "recordings/_/2026/05/04/RE" + "0" * 32 + ".wav"
OTHER = KEY.replace(".wav", ".2.wav")
SOUND = os.urandom(3 * FRAME_BYTES + 5)
HEADER = file_bytes(0) - TAG_BYTES
FRAME = FRAME_BYTES + TAG_BYTES
NOW = datetime(2026, 5, 4, tzinfo=UTC)


def sound_of(content: bytes) -> Sound:
    digest = Digest()
    digest.update(content)
    return digest.sound("audio/wav")


def a_store(folder: Path, keys: str = OLD) -> DiskStore:
    found = open_store(
        load(NEEDED | {"TS_RECORDING_STORE": "disk", "TS_RECORDING_DIR": str(folder), "TS_RECORDING_KEYS": keys})
    )
    assert isinstance(found, DiskStore)
    return found


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return a_store(tmp_path / "kept")


def put(store: DiskStore, content: bytes = SOUND, key: str = KEY) -> Sound:
    sound = sound_of(content)
    store.put(key, BytesIO(content), sound)
    return sound


def place(store: DiskStore, key: str = KEY) -> Path:
    return Path(store.settings.recording_dir, key)


def heard(store: DiskStore, sound: Sound, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join(verified(partial(store.read, KEY), sound, start, stop or sound.size_bytes))


def assert_nothing_else_is_there(store: DiskStore, *keys: str) -> None:
    files = {path for path in Path(store.settings.recording_dir).rglob("*") if path.is_file()}
    assert files == {place(store, key) for key in keys}


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, len(SOUND)])
def test_what_was_put_is_confirmed_listed_and_read(store: DiskStore, size: int):
    sound = sound_of(SOUND[:size])
    receipt = store.put(KEY, BytesIO(SOUND[:size]), sound)
    assert (receipt["encryption"], receipt["key_id"]) == ("AES-256-GCM", "old")
    assert store.confirm(KEY, sound) == receipt
    store.check(KEY, sound)
    assert [(found.key, found.size_bytes) for found in store.listed("recordings/")] == [(KEY, size)]
    assert not list(store.listed("elsewhere/"))
    if size:
        assert heard(store, sound) == SOUND[:size]
    assert_nothing_else_is_there(store, KEY)


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, 1),
        (FRAME_BYTES - 1, FRAME_BYTES + 1),
        (FRAME_BYTES, 2 * FRAME_BYTES),
        (5, len(SOUND)),
        (len(SOUND) - 1, len(SOUND)),
    ],
)
def test_a_range_is_read_alone(store: DiskStore, start: int, stop: int):
    sound = put(store)
    assert heard(store, sound, start, stop) == SOUND[start:stop]
    assert b"".join(store.read(KEY, start, stop).pieces) == SOUND[start:stop]


def test_a_range_opens_no_frame_but_its_own(store: DiskStore):
    put(store)
    spoil(store, flipped(HEADER + 2 * FRAME))
    assert b"".join(store.read(KEY, 0, FRAME_BYTES).pieces) == SOUND[:FRAME_BYTES]
    assert b"".join(store.read(KEY, 3 * FRAME_BYTES, len(SOUND)).pieces) == SOUND[3 * FRAME_BYTES :]


def test_nothing_of_the_sound_or_its_folder_is_open_to_others(store: DiskStore):
    put(store)
    assert place(store).stat().st_mode & 0o777 == 0o600
    assert place(store).parent.stat().st_mode & 0o777 == 0o700
    assert SOUND[:64] not in place(store).read_bytes()


def test_the_same_again_is_fine_and_other_content_is_never_overwritten(store: DiskStore):
    sound = put(store)
    before = place(store).read_bytes()
    put(store)
    with pytest.raises(Damaged, match="changed"):
        put(store, b"other")
    assert place(store).read_bytes() == before
    store.check(KEY, sound)
    assert_nothing_else_is_there(store, KEY)


def test_a_file_that_is_not_what_was_fetched_is_not_stored(store: DiskStore):
    for content in (SOUND[:-1], SOUND + b"1", SOUND[:-1] + bytes([SOUND[-1] ^ 1])):
        with pytest.raises(Transient):
            store.put(KEY, BytesIO(content), sound_of(SOUND))
    assert_nothing_else_is_there(store)


def test_deleted_is_gone_with_its_drafts_and_again_is_fine(store: DiskStore):
    sound = put(store)
    place(store).with_name(f".{place(store).name}.0.draft").write_bytes(b"half")
    assert store.delete(KEY)["files"] == 2
    assert store.delete(KEY)["files"] == 0
    for ask in (store.confirm, store.check):
        with pytest.raises(Damaged, match="missing"):
            ask(KEY, sound)
    assert_nothing_else_is_there(store)


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def cut(size: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:size]


def swapped(content: bytes) -> bytes:
    first, second = content[HEADER : HEADER + FRAME], content[HEADER + FRAME : HEADER + 2 * FRAME]
    return content[:HEADER] + second + first + content[HEADER + 2 * FRAME :]


def spoil(store: DiskStore, how: Callable[[bytes], bytes]) -> None:
    place(store).write_bytes(how(place(store).read_bytes()))


END = file_bytes(len(SOUND))
SPOILED = {
    **{f"header {at}": flipped(at) for at in (0, 5, 6, 21, 22, 53, 54, 61)},
    **{f"frame {n}": flipped(HEADER + n * FRAME + 7) for n in range(4)},
    **{f"tag {n}": flipped(HEADER + n * FRAME + FRAME_BYTES + 7) for n in range(3)},
    "end": flipped(END - 1),
    "swapped": swapped,
    "a frame dropped": lambda content: content[:HEADER] + content[HEADER + FRAME :],
    "a frame twice": lambda content: content[: HEADER + FRAME] + content[HEADER:],
    "last frame dropped": lambda content: content[: HEADER + 3 * FRAME],
    **{f"cut to {size}": cut(size) for size in (0, 5, HEADER, HEADER + 9, END - 1)},
    "longer": lambda content: content + b"\0",
}  # fmt: skip


@pytest.mark.parametrize("how", SPOILED.values(), ids=SPOILED.keys())
def test_a_spoiled_file_is_found_by_every_reader(store: DiskStore, how: Callable[[bytes], bytes]):
    sound = put(store)
    spoil(store, how)
    for ask in (store.check, store.confirm, heard_of(store)):
        with pytest.raises(Damaged):
            ask(KEY, sound)


def heard_of(store: DiskStore) -> Callable[[str, Sound], bytes]:
    return lambda _key, sound: heard(store, sound)


def test_a_file_under_another_name_is_refused(store: DiskStore):
    sound = put(store)
    place(store).rename(place(store, OTHER))
    with pytest.raises(Damaged, match="changed"):
        store.check(OTHER, sound)


def test_another_file_of_the_same_key_is_refused_frame_by_frame(store: DiskStore):
    """Frames of an older file of this very name, of this very size: another salt, so another key."""
    put(store)
    old = place(store).read_bytes()
    store.delete(KEY)
    sound = put(store)
    spoil(store, lambda content: content[:HEADER] + old[HEADER : HEADER + FRAME] + content[HEADER + FRAME :])
    with pytest.raises(Damaged, match="changed"):
        store.check(KEY, sound)


def test_a_symbolic_link_is_not_followed(store: DiskStore):
    sound = put(store)
    place(store).rename(place(store).with_suffix(".moved"))
    place(store).symlink_to(place(store).with_suffix(".moved"))
    with pytest.raises(Transient):
        store.check(KEY, sound)


def test_the_ring_turns(store: DiskStore, capsys: pytest.CaptureFixture[str]):
    sound = put(store)
    folder = Path(store.settings.recording_dir)
    turned = a_store(folder, f"{NEW},{OLD}")
    turned.check(KEY, sound)
    assert turned.put(OTHER, BytesIO(SOUND), sound)["key_id"] == "new"
    with pytest.raises(Damaged, match="unreadable"):
        a_store(folder, NEW).check(KEY, sound)
    a_store(folder, NEW).check(OTHER, sound)


@pytest.mark.parametrize("key", ["", "/etc/passwd", "a/../b", "..", "a//b", "a/", "./a", "a/.b", "a\0b"])
def test_a_key_never_leaves_the_folder(store: DiskStore, key: str):
    for ask in (store.delete, lambda key: store.read(key, 0, 1), lambda key: put(store, b"1", key)):
        with pytest.raises(ValueError, match="no key"):
            ask(key)


def test_drafts_are_removed_when_they_are_old(store: DiskStore):
    put(store)
    young, old = (place(store).with_name(f".{name}.draft") for name in ("young", "old"))
    for draft in (young, old):
        draft.write_bytes(b"half")
    os.utime(old, (time.time() - 3601,) * 2)
    assert store.abort_uploads(3600) == 1
    assert [found.key for found in store.listed("")] == [KEY]
    assert_nothing_else_is_there(store, KEY, str(young.relative_to(store.settings.recording_dir)))


CHILD = """
import os, sys
from tests.unit.shared.store.test_disk import *
store, content = a_store(Path(sys.argv[1])), os.urandom(20 * FRAME_BYTES)
class Stops(BytesIO):
    def read(self, size=-1):
        if self.tell() == 8 * FRAME_BYTES:
            print("in the middle", flush=True)
            signal.pause()
        return super().read(size)
store.put(KEY, Stops(content), sound_of(content))
"""


def test_killed_in_the_middle_nothing_is_visible_and_the_next_try_stores_it(store: DiskStore):
    folder = store.settings.recording_dir
    with subprocess.Popen([sys.executable, "-c", CHILD, folder], stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline() == b"in the middle\n"
        child.kill()
    assert child.returncode == -signal.SIGKILL
    assert not list(store.listed(""))
    sound = put(store)
    store.check(KEY, sound)
    assert store.abort_uploads(-1) == 1
    assert_nothing_else_is_there(store, KEY)


FULL = """
import resource, sys
from tests.unit.shared.store.test_disk import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2 * FRAME_BYTES, 2 * FRAME_BYTES))
try:
    put(a_store(Path(sys.argv[1])))
except Transient as fault:
    print(fault.reason)
"""


def test_a_full_disk_is_transient_and_leaves_nothing(store: DiskStore):
    told = subprocess.run(
        [sys.executable, "-c", FULL, store.settings.recording_dir],
        capture_output=True,
        text=True,
        timeout=45,
        check=True,
    )
    assert told.stdout == "disk_full\n"
    assert_nothing_else_is_there(store)


def test_a_link_opens_what_it_names_until_its_time(store: DiskStore):
    path = store.link(KEY, expires_s=60, filename="a.wav", content_type="audio/wav", now=NOW)
    assert path.startswith("/api/media/")
    token = path.rpartition("/")[2]
    for seconds in (0, 59):
        found = store.open_link(token, NOW + timedelta(seconds=seconds))
        assert found
        assert (found.key, found.filename, found.content_type) == (KEY, "a.wav", "audio/wav")
    assert store.open_link(token, NOW + timedelta(seconds=60)) is None


def test_an_altered_or_foreign_link_opens_nothing(store: DiskStore):
    token = store.link(KEY, expires_s=60, filename="a.wav", content_type="audio/wav", now=NOW).rpartition("/")[2]
    for at in range(len(token)):
        altered = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert store.open_link(altered, NOW) is None
    for bad in ("", "A", "ü", token[:-1], token + "=", token + "A", "A" * 5000):
        assert store.open_link(bad, NOW) is None
    folder = Path(store.settings.recording_dir)
    assert a_store(folder, NEW).open_link(token, NOW) is None
    assert a_store(folder, f"{NEW},{OLD}").open_link(token, NOW)


def test_the_settings_choose_the_store(store: DiskStore):
    assert isinstance(open_store(replace(store.settings, recording_store="s3")), S3Store)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"TS_RECORDING_STORE": "disk"}, "TS_RECORDING_KEYS: is missing"),
        ({"TS_RECORDING_DIR": "here/recordings"}, "TS_RECORDING_DIR: must be a folder's whole path"),
        ({"TS_S3_KMS_KEY_ID": "my key"}, "TS_S3_KMS_KEY_ID: must be a KMS key's"),
    ],
)
def test_settings_that_do_not_fit_are_refused(given: dict[str, str], said: str):
    with pytest.raises(BadSettings, match=said):
        load(NEEDED | given)


@pytest.mark.parametrize(
    "key", ["alias/recordings", "1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-" + "0" * 32,
            "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
)  # fmt: skip
def test_every_way_to_name_a_kms_key_is_taken(key: str):
    assert load(NEEDED | {"TS_S3_KMS_KEY_ID": key}).s3_kms_key_id == key


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 7 * FRAME_BYTES])
def test_the_size_of_the_sound_is_told_by_that_of_the_file(size: int):
    assert sound_bytes(file_bytes(size)) == size


def test_the_derived_keys_are_those_of_hkdf():
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    from shared.store.ring import derived

    for salt in (b"", b"s" * 32):
        theirs = HKDF(SHA256(), 32, salt or None, b"link").derive(b"k" * 32)
        assert derived(b"k" * 32, salt, b"link") == theirs
