"""The two ways into a bucket: one PUT for most recordings, parts for the long ones. Neither overwrites anything.

Both read the file as it is sent: one part of it is in memory at most, and no thread is started.
"""

import hashlib
from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import IO, TYPE_CHECKING, Any, Final

from shared.domain.sound import Sound
from shared.errors import Transient
from shared.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

# Up to here a transfer that broke off is cheap to begin anew, and S3 keeps the SHA-256 of the whole.
SINGLE_BYTES: Final = 16 * 1024 * 1024
# S3 wants at least 5 MiB a part and takes 10,000 of them: 80 GB, or a month of sound. One part is in memory at a time.
PART_BYTES: Final = 8 * 1024 * 1024
# Metadata of an object in parts: what we sent, to be compared with what the store says it has.
WHOLE, PARTS = "sha256", "parts-sha256"


def upload(client: "S3Client", settings: Settings, key: str, file: IO[bytes], sound: Sound) -> None:
    """Sends the whole file. The store checks each SHA-256 on arrival, and answers 412 if there is an object already.

    Raises what boto3 raises, Transient when the file is not what `sound` says.
    """
    file.seek(0)
    if sound.size_bytes > SINGLE_BYTES:
        _in_parts(client, settings, key, file, sound)
        return
    client.put_object(
        Body=file,
        ContentLength=sound.size_bytes,
        ChecksumAlgorithm="SHA256",
        ChecksumSHA256=_text(sound.sha256),
        IfNoneMatch="*",
        **_target(settings, key),
        **_wishes(settings, sound),
    )


def parts_sha256(file: IO[bytes]) -> tuple[str, bytes]:
    """(S3's checksum of an object in these parts, the SHA-256 of the whole): the digest of the parts' digests, and how many.

    Amazon S3 User Guide, "Checking object integrity", composite checksums.
    """
    whole, digests = hashlib.sha256(), b""
    while part := file.read(PART_BYTES):
        whole.update(part)
        digests += hashlib.sha256(part).digest()
    count = len(digests) // hashlib.sha256().digest_size
    return f"{_text(hashlib.sha256(digests).digest())}-{count}", whole.digest()


def _in_parts(client: "S3Client", settings: Settings, key: str, file: IO[bytes], sound: Sound) -> None:
    composite, whole = parts_sha256(file)
    if whole != sound.sha256:
        raise Transient("the file to store is not what was fetched")
    file.seek(0)
    target = _target(settings, key)
    metadata = {WHOLE: sound.sha256.hex(), PARTS: composite}
    begun = client.create_multipart_upload(
        ChecksumAlgorithm="SHA256", Metadata=metadata, **target, **_wishes(settings, sound)
    )["UploadId"]
    try:
        parts = _send(client, target, begun, file)
        done = client.complete_multipart_upload(
            UploadId=begun, MultipartUpload={"Parts": parts}, IfNoneMatch="*", **target
        )
    except BaseException:
        # The first failure is the one to tell of; what this leaves, `abort_uploads` finds.
        with suppress(Exception):
            client.abort_multipart_upload(UploadId=begun, **target)
        raise
    if done.get("ChecksumSHA256", composite) != composite:
        raise Transient("store: parts put together otherwise than sent")


def _send(client: "S3Client", target: dict[str, Any], upload_id: str, file: IO[bytes]) -> "list[CompletedPartTypeDef]":
    sent: list[CompletedPartTypeDef] = []
    while part := file.read(PART_BYTES):
        number, digest = len(sent) + 1, _text(hashlib.sha256(part).digest())
        answer = client.upload_part(UploadId=upload_id, PartNumber=number, Body=part, ChecksumSHA256=digest, **target)
        sent.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": digest})
    return sent


def _target(settings: Settings, key: str) -> dict[str, Any]:
    return {"Bucket": settings.s3_bucket, "Key": key}


def _wishes(settings: Settings, sound: Sound) -> dict[str, Any]:
    """How the object is to be kept: its type, encryption and lock."""
    wishes: dict[str, Any] = {"ContentType": sound.content_type}
    if settings.s3_encryption != "off":
        wishes["ServerSideEncryption"] = settings.s3_encryption
    if settings.s3_encryption == "aws:kms" and settings.s3_kms_key_id:
        wishes["SSEKMSKeyId"] = settings.s3_kms_key_id
    if settings.s3_lock != "off":
        wishes["ObjectLockMode"] = settings.s3_lock.upper()
        wishes["ObjectLockRetainUntilDate"] = datetime.now(UTC) + timedelta(days=settings.s3_lock_days)
    return wishes


def _text(digest: bytes) -> str:
    return b64encode(digest).decode()
