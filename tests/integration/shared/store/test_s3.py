"""Recordings in a real S3."""

from functools import partial
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest

from shared.domain.sound import BLOCK_BYTES, Digest, Sound
from shared.errors import Damaged, Transient
from shared.settings import load
from shared.store.s3 import S3Store
from shared.store.verified import verified

NEEDED = {
    "TS_PUBLIC_URL": "https://x.example", "TS_REDIS_URL": "redis://x", "TS_DATABASE_URL": "postgresql://x/y",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t",
}  # fmt: skip
KEY = "recordings/_/2026/05/04/RE" + "0" * 32 + ".wav"
SOUND = bytes(range(256)) * 4096 * 3 + b"end"  # three blocks and a bit
LONG = SOUND * 6  # 18 MiB: in parts


def sound_of(content: bytes) -> Sound:
    digest = Digest()
    digest.update(content)
    return digest.sound("audio/wav")


@pytest.fixture
def store(s3: Any) -> S3Store:
    given = {
        "TS_S3_ENDPOINT_URL": s3.endpoint_url, "TS_S3_BUCKET": s3.name,
        "TS_S3_ACCESS_KEY_ID": s3.access_key_id, "TS_S3_SECRET_ACCESS_KEY": s3.secret_access_key,
    }  # fmt: skip
    return S3Store(load(NEEDED | given))


def put(store: S3Store, content: bytes) -> Sound:
    sound = sound_of(content)
    store.put(KEY, BytesIO(content), sound)
    return sound


def planted(store: S3Store, content: bytes) -> None:
    """Puts other bytes there behind the store's back."""
    store.client.put_object(Bucket=store.settings.s3_bucket, Key=KEY, Body=content)


def heard(store: S3Store, sound: Sound, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join(verified(partial(store.read, KEY), sound, start, stop or sound.size_bytes))


@pytest.mark.parametrize("content", [SOUND, LONG], ids=["single", "parts"])
class TestEither:
    def test_what_was_put_is_confirmed_read_and_checked(self, store: S3Store, content: bytes):
        sound = sound_of(content)
        receipt = store.put(KEY, BytesIO(content), sound)
        assert (receipt["sha256"], receipt["encryption"]) == (sha256(content).hexdigest(), "AES256")
        assert receipt["checksum"] != "read back"
        assert store.confirm(KEY, sound) == receipt
        store.check(KEY, sound)
        assert heard(store, sound) == content
        assert heard(store, sound, BLOCK_BYTES - 1, BLOCK_BYTES + 1) == content[BLOCK_BYTES - 1 : BLOCK_BYTES + 1]

    def test_the_same_again_is_fine(self, store: S3Store, content: bytes):
        first = store.put(KEY, BytesIO(content), sound_of(content))
        assert store.put(KEY, BytesIO(content), sound_of(content)) == first

    def test_other_content_is_never_overwritten(self, store: S3Store, content: bytes):
        there = put(store, b"there first")
        with pytest.raises(Damaged, match="changed"):
            put(store, content)
        store.check(KEY, there)

    def test_a_file_that_is_not_what_was_fetched_is_not_stored(self, store: S3Store, content: bytes):
        with pytest.raises(Transient):
            store.put(KEY, BytesIO(content[:-1] + b"!"), sound_of(content))
        assert not list(store.listed(""))

    def test_deleted_is_gone_and_again_is_fine(self, store: S3Store, content: bytes):
        sound = put(store, content)
        assert store.delete(KEY)["versions"]
        assert not store.delete(KEY)["versions"]
        for ask in (store.confirm, store.check):
            with pytest.raises(Damaged, match="missing"):
                ask(KEY, sound)
        with pytest.raises(Damaged, match="missing"):
            store.read(KEY, 0, 1)
