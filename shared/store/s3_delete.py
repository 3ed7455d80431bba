"""How things leave a bucket: all versions of an object, and uploads that nobody ended."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from shared.errors import Deferred, Transient
from shared.store.kept import Receipt
from shared.store.s3_faults import code_of, status_of

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_NO_VERSIONS: Final = "null"  # S3's name of an object's only version in a bucket without versions


def delete(client: "S3Client", bucket: str, key: str) -> Receipt:
    """Deletes every version and delete marker of the key. Raises Deferred, Transient, and what boto3 raises."""
    from botocore.exceptions import ClientError

    deleted: list[str] = []
    locked: list[datetime] = []
    for version in list(_versions(client, bucket, key)):
        try:
            client.delete_object(Bucket=bucket, Key=key, VersionId=version)
            deleted.append(version)
        except ClientError as fault:
            until = _locked_until(client, bucket, key, version) if status_of(fault) == 403 else None
            if until is None:
                raise
            locked.append(until)
    if locked:
        raise Deferred("object lock", until=max(locked))
    if any(_versions(client, bucket, key)):
        raise Transient("store: written while it was deleted")
    return {"store": "s3", "bucket": bucket, "versions": deleted, "deleted_at": datetime.now(UTC).isoformat()}


def abort_uploads(client: "S3Client", bucket: str, before: datetime) -> int:
    """Ends the uploads in parts that were begun before then. How many it were."""
    aborted = 0
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for begun in page.get("Uploads", []):
            if begun.get("Initiated", before) < before and _abort(
                client, bucket, begun.get("Key", ""), begun.get("UploadId", "")
            ):
                aborted += 1
    return aborted


def _abort(client: "S3Client", bucket: str, key: str, upload_id: str) -> bool:
    """False when it has been ended meanwhile."""
    from botocore.exceptions import ClientError

    try:
        client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
        return True
    except ClientError as fault:
        if status_of(fault) != 404:
            raise
        return False


def _versions(client: "S3Client", bucket: str, key: str) -> Iterator[str]:
    """Ids of the key's versions and delete markers. A store without versions is asked for the object itself."""
    from botocore.exceptions import ClientError

    try:
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
            for found in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                if found.get("Key") == key:
                    yield found.get("VersionId", _NO_VERSIONS)
    except ClientError as fault:
        if code_of(fault) != "NotImplemented":
            raise
        yield from _only(client, bucket, key)


def _only(client: "S3Client", bucket: str, key: str) -> Iterator[str]:
    for found in client.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", []):
        if found.get("Key") == key:
            yield _NO_VERSIONS


def _locked_until(client: "S3Client", bucket: str, key: str, version: str) -> datetime | None:
    """The end of its object lock; None when there is none, and the refusal has another cause."""
    from botocore.exceptions import ClientError

    try:
        until = client.head_object(Bucket=bucket, Key=key, VersionId=version).get("ObjectLockRetainUntilDate")
    except ClientError:
        return None
    return until if until and until > datetime.now(UTC) else None
