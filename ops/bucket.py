"""Makes the bucket of the recordings when it is missing: `python -m ops.bucket`, with the service's own settings."""

import os
import sys
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from shared.settings import Settings, load

# A store that is starting answers after some seconds; botocore waits between tries, twenty of them last about a minute.
TRIES = Config(retries={"mode": "standard", "max_attempts": 20}, connect_timeout=3, read_timeout=10)

# Amazon wants no location for its first region, and one for every other.
FIRST_REGION = "us-east-1"


def ensure(settings: Settings) -> bool:
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
    if settings.s3_region == FIRST_REGION:
        s3.create_bucket(Bucket=settings.s3_bucket)
    else:
        # The stubs know a closed list of regions; ours comes from the settings.
        where: Any = {"LocationConstraint": settings.s3_region}
        s3.create_bucket(Bucket=settings.s3_bucket, CreateBucketConfiguration=where)
    return True


def main() -> int:
    settings = load(os.environ)
    print(f"bucket {settings.s3_bucket}: {'made' if ensure(settings) else 'was there'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
