"""Makes the bucket of the recordings when it is missing: `python -m ops.bucket`, with the service's own settings.

A new bucket is closed to the public, ends uploads that nobody ended, and has versions and object lock if TS_S3_LOCK asks
for one (only a new bucket can have it everywhere). A bucket that is there is left alone.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from shared.settings import Settings, load

# A store that is starting answers after some seconds; botocore waits between tries, twenty of them last about a minute.
TRIES = Config(retries={"mode": "standard", "max_attempts": 20}, connect_timeout=3, read_timeout=10)

# Amazon wants no location for its first region, and one for every other.
FIRST_REGION = "us-east-1"


# The service ends such uploads itself; this is for the days on which it does not run.
ENDED_UPLOADS: Any = {
    "Rules": [
        {
            "ID": "end-uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }
    ]
}
CLOSED: Any = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
# What S3-alikes answer to a request that they do not know.
UNKNOWN = {"NotImplemented", "MethodNotAllowed", "InvalidRequest", "MalformedXML", "XNotImplemented"}


def ensure(settings: Settings, say: Callable[[str], object] = print) -> bool:
    """True when the bucket was made now, False when it was there. Other refusals are raised as ClientError."""
    s3 = boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint_url or None,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key_id or None,
        aws_secret_access_key=settings.s3_secret_access_key or None,
        config=TRIES,
    )
    try:
        s3.head_bucket(Bucket=settings.s3_bucket)
        return False
    except ClientError as refusal:
        if refusal.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:
            raise
    s3.create_bucket(**_wanted(settings))
    bucket = settings.s3_bucket
    _tolerant(
        say,
        "closing it to the public",
        s3.put_public_access_block,
        PublicAccessBlockConfiguration=CLOSED,
        Bucket=bucket,
    )
    _tolerant(
        say,
        "ending old uploads",
        s3.put_bucket_lifecycle_configuration,
        LifecycleConfiguration=ENDED_UPLOADS,
        Bucket=bucket,
    )
    return True


def _wanted(settings: Settings) -> Any:
    wanted: dict[str, Any] = {"Bucket": settings.s3_bucket}
    if settings.s3_region != FIRST_REGION:
        wanted["CreateBucketConfiguration"] = {"LocationConstraint": settings.s3_region}
    if settings.s3_lock != "off":
        wanted["ObjectLockEnabledForBucket"] = True  # and with it versions
    return wanted


def _tolerant(say: Callable[[str], object], what: str, ask: Callable[..., object], **asked: Any) -> None:
    """Not every store can do this, and none is worse for it. Raises ClientError for any other refusal."""
    try:
        ask(**asked)
    except ClientError as refusal:
        code = refusal.response.get("Error", {}).get("Code", "")
        if code not in UNKNOWN:
            raise
        say(f"{what}: this store cannot ({code})")


def main() -> int:
    settings = load(os.environ)
    print(f"bucket {settings.s3_bucket}: {'made' if ensure(settings) else 'was there'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
