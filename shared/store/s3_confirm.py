"""What a bucket says of one object, compared with what was to be stored."""

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from shared.domain.sound import Sound
from shared.errors import Damaged, Transient
from shared.settings import Settings
from shared.store.kept import Receipt
from shared.store.s3_faults import status_of
from shared.store.s3_upload import PARTS, WHOLE

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

# What the store has said, by boto3's names.
Facts = dict[str, Any]


def facts(client: "S3Client", bucket: str, key: str) -> Facts:
    """The object's head, with its checksum. Raises Damaged("missing"), and what boto3 raises."""
    from botocore.exceptions import ClientError

    try:
        return dict(client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED"))
    except ClientError as fault:
        if status_of(fault) != 404:
            raise
        client.head_bucket(Bucket=bucket)  # without a bucket all are 404, and none of them is lost
        raise Damaged("missing") from fault


def compare_size(told: Facts, sound: Sound) -> None:
    """Raises Damaged when the object is shorter or longer."""
    if told["ContentLength"] != sound.size_bytes:
        raise Damaged("truncated" if told["ContentLength"] < sound.size_bytes else "changed")


def is_proven(told: Facts, sound: Sound) -> bool:
    """Whether the store's own checksum says that it is this sound. Raises Damaged when the size already says otherwise.

    Of an object in parts S3 has a checksum of the parts' checksums, which our upload has noted beside the sound's own.
    Some stores tell it without the number of parts.
    """
    compare_size(told, sound)
    checksum, noted = told.get("ChecksumSHA256", ""), told.get("Metadata", {})
    if noted.get(WHOLE) == sound.sha256.hex() and checksum:
        return checksum.partition("-")[0] == noted.get(PARTS, "").partition("-")[0]
    return checksum == b64encode(sound.sha256).decode()


def receipt(bucket: str, told: Facts, sound: Sound) -> Receipt:
    """What is kept of it with the recording."""
    locked_until = told.get("ObjectLockRetainUntilDate")
    said = {
        "store": "s3",
        "bucket": bucket,
        "size_bytes": sound.size_bytes,
        "sha256": sound.sha256.hex(),
        "checksum": told.get("ChecksumSHA256", "read back"),
        "encryption": told.get("ServerSideEncryption"),
        "kms_key_id": told.get("SSEKMSKeyId"),
        "version": told.get("VersionId"),
        "lock": told.get("ObjectLockMode"),
        "locked_until": locked_until.isoformat() if locked_until else None,
        "stored_at": told["LastModified"].isoformat(),
    }
    return {name: value for name, value in said.items() if value is not None}


def compare_wishes(settings: Settings, said: Receipt) -> None:
    """Raises Transient when the store has not encrypted or locked as it was asked to: a person has to mend that."""
    if settings.s3_encryption not in ("off", said.get("encryption")):
        raise Transient(f"store: encryption is {said.get('encryption', 'none')}, asked for {settings.s3_encryption}")
    if settings.s3_encryption == "aws:kms" and not _is_key(settings.s3_kms_key_id, said.get("kms_key_id", "")):
        raise Transient("store: encrypted with another key than asked for")
    if settings.s3_lock != "off" and "locked_until" not in said:
        raise Transient("store: not locked as asked for")


def _is_key(asked: str, said: str) -> bool:
    """The store answers with the key's ARN, whichever way it was named. An alias cannot be seen in it."""
    return not asked or "alias/" in asked or said.rpartition("/")[2] == asked.rpartition("/")[2]
