"""Recordings in a real S3."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest
import requests

from shared.domain.sound import BLOCK_BYTES, Digest, Sound
from shared.errors import Damaged, Deferred, Transient
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

    def test_a_flip_anywhere_is_found_by_every_reader(self, store: S3Store, content: bytes):
        sound = put(store, content)
        for at in (0, BLOCK_BYTES + 1, len(content) - 1):
            planted(store, content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            for ask in (store.check, store.confirm):
                with pytest.raises(Damaged, match="changed"):
                    ask(KEY, sound)
            with pytest.raises(Damaged, match="changed"):
                heard(store, sound)

    def test_shorter_or_longer_is_found_by_every_reader(self, store: S3Store, content: bytes):
        sound = put(store, content)
        for bad, reason in (
            (content[:-1], "truncated"),
            (content[:BLOCK_BYTES], "truncated"),
            (content + b"1", "changed"),
        ):
            planted(store, bad)
            for ask in (store.check, store.confirm):
                with pytest.raises(Damaged, match=reason):
                    ask(KEY, sound)


def test_a_damaged_block_is_never_passed_on(store: S3Store):
    sound = put(store, SOUND)
    planted(store, SOUND[: 2 * BLOCK_BYTES] + b"?" + SOUND[2 * BLOCK_BYTES + 1 :])
    pieces = verified(partial(store.read, KEY), sound, 0, len(SOUND))
    assert [next(pieces), next(pieces)] == [SOUND[:BLOCK_BYTES], SOUND[BLOCK_BYTES : 2 * BLOCK_BYTES]]
    with pytest.raises(Damaged, match="changed"):
        next(pieces)
    with pytest.raises(Damaged, match="changed"):
        verified(partial(store.read, KEY), sound, 2 * BLOCK_BYTES + 9, 2 * BLOCK_BYTES + 10)


def test_without_a_checksum_of_the_store_it_is_read_back(store: S3Store):
    planted(store, SOUND)
    assert store.confirm(KEY, sound_of(SOUND))["checksum"] == "read back"


def test_a_bucket_that_is_missing_is_no_lost_recording(store: S3Store):
    elsewhere = S3Store(replace(store.settings, s3_bucket="nowhere-at-all"))
    for ask in (elsewhere.confirm, elsewhere.check, lambda key, _sound: elsewhere.read(key, 0, 1)):
        with pytest.raises(Transient):
            ask(KEY, sound_of(SOUND))


def test_the_listing_tells_what_is_there(store: S3Store):
    put(store, SOUND)
    assert [(found.key, found.size_bytes) for found in store.listed("recordings/")] == [(KEY, len(SOUND))]
    assert not list(store.listed("elsewhere/"))


def test_uploads_that_nobody_ended_are_ended_and_young_ones_left(store: S3Store):
    begun = store.client.create_multipart_upload(Bucket=store.settings.s3_bucket, Key=KEY)["UploadId"]
    store.client.upload_part(Bucket=store.settings.s3_bucket, Key=KEY, UploadId=begun, PartNumber=1, Body=b"half")
    # The embedded S3 says of every upload that it was begun in 2010.
    assert store.abort_uploads((datetime.now(UTC) - datetime(2010, 11, 1, tzinfo=UTC)).total_seconds()) == 0
    assert store.abort_uploads(3600) == 1
    assert store.abort_uploads(3600) == 0
    assert not list(store.listed(""))


def test_every_version_and_marker_is_deleted_and_no_neighbour(store: S3Store):
    bucket = store.settings.s3_bucket
    store.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put(store, SOUND)
    planted(store, b"second")
    store.client.delete_object(Bucket=bucket, Key=KEY)
    store.client.put_object(Bucket=bucket, Key=f"{KEY}.more", Body=b"neighbour")
    assert len(store.delete(KEY)["versions"]) == 3
    left = store.client.list_object_versions(Bucket=bucket)
    assert [found.get("Key") for found in left.get("Versions", [])] == [f"{KEY}.more"]
    assert not left.get("DeleteMarkers")


@pytest.mark.parametrize("content", [SOUND, LONG], ids=["single", "parts"])
def test_under_a_lock_deletion_waits_for_its_end(store: S3Store, content: bytes):
    locked = S3Store(replace(store.settings, s3_bucket=f"{store.settings.s3_bucket}-locked", s3_lock="governance"))
    locked.client.create_bucket(Bucket=locked.settings.s3_bucket, ObjectLockEnabledForBucket=True)
    receipt = locked.put(KEY, BytesIO(content), sound_of(content))
    assert receipt["lock"] == "GOVERNANCE"
    with pytest.raises(Deferred) as refused:
        locked.delete(KEY)
    days = (refused.value.until - datetime.now(UTC)).total_seconds() / 86_400
    assert 29 < days <= 30
    locked.check(KEY, sound_of(content))


def test_with_kms_the_key_asked_for_is_the_one_used(store: S3Store):
    key_id = "1234abcd-12ab-34cd-56ef-1234567890ab"
    kms = S3Store(replace(store.settings, s3_encryption="aws:kms", s3_kms_key_id=key_id))
    receipt = kms.put(KEY, BytesIO(SOUND), sound_of(SOUND))
    assert (receipt["encryption"], receipt["kms_key_id"]) == ("aws:kms", key_id)


def test_other_encryption_than_asked_for_is_told(store: S3Store):
    put(store, SOUND)
    kms = S3Store(replace(store.settings, s3_encryption="aws:kms"))
    with pytest.raises(Transient, match="encryption is AES256, asked for aws:kms"):
        kms.put(KEY, BytesIO(SOUND), sound_of(SOUND))


def test_a_link_reads_one_object_under_a_name(store: S3Store):
    put(store, SOUND)
    answer = requests.get(store.link(KEY, expires_s=60, filename='RE0".wav', content_type="audio/wav"), timeout=30)
    assert answer.content == SOUND
    assert answer.headers["Content-Disposition"] == 'attachment; filename="RE0_.wav"'
    assert answer.headers["Content-Type"] == "audio/wav"


def test_a_link_that_has_ended_or_was_altered_reads_nothing(store: S3Store):
    put(store, SOUND)
    store.client.put_object(Bucket=store.settings.s3_bucket, Key=f"{KEY}.more", Body=b"neighbour")
    ago = datetime.now(UTC) - timedelta(seconds=61)
    named = {"filename": "a.wav", "content_type": "audio/wav"}
    link, old = store.link(KEY, expires_s=60, **named), store.link(KEY, expires_s=60, now=ago, **named)
    assert requests.get(link, timeout=30).status_code == 200
    for bad, why in (
        (old, "Request has expired"),
        (old.replace("X-Amz-Expires=60", "X-Amz-Expires=600"), "SignatureDoesNotMatch"),
        (link.replace(".wav?", ".wav.more?"), "SignatureDoesNotMatch"),
        (link.replace("audio%2Fwav", "text%2Fhtml"), "SignatureDoesNotMatch"),
        (link[:-1] + ("0" if link[-1] != "0" else "1"), "SignatureDoesNotMatch"),
    ):
        answer = requests.get(bad, timeout=30)
        assert (answer.status_code, why in answer.text) == (403, True)


MEMORY = """
import os, resource, sys, tempfile
from tests.integration.shared.store.test_s3 import *
store = S3Store(load(NEEDED | dict(word.split("=", 1) for word in sys.argv[1:])))
with tempfile.TemporaryFile() as file:
    digest, block = Digest(), os.urandom(BLOCK_BYTES)
    for size, key in ((20, "warm"), (120, "long")):
        file.seek(0)
        digest = Digest()
        for _ in range(size):
            file.write(block)
            digest.update(block)
        store.put(key, file, digest.sound("audio/wav"))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_a_long_recording_takes_no_more_memory_than_a_short_one(store: S3Store):
    chosen = {
        "TS_S3_ENDPOINT_URL": store.settings.s3_endpoint_url, "TS_S3_BUCKET": store.settings.s3_bucket,
        "TS_S3_ACCESS_KEY_ID": "a", "TS_S3_SECRET_ACCESS_KEY": "b",
    }  # fmt: skip
    given = [f"{name}={value}" for name, value in chosen.items()]
    told = subprocess.run(
        [sys.executable, "-c", MEMORY, *given], capture_output=True, text=True, timeout=45, check=True
    )
    short, long = (int(line) for line in told.stdout.split())
    assert long - short < 40 * 1024  # KiB; the long one is 100 MiB longer
