"""The bucket is made when it is missing, and left alone when it is there."""

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from ops.bucket import _tolerant, ensure
from shared.settings import load

NEEDED = {
    "TS_PUBLIC_URL": "https://example.org",
    "TS_REDIS_URL": "redis://127.0.0.1",
    "TS_DATABASE_URL": "postgresql://127.0.0.1/db",
    "TWILIO_ACCOUNT_SID": f"AC{'0' * 32}",
    "TWILIO_AUTH_TOKEN": "token",
    "TS_S3_ACCESS_KEY_ID": "id",
    "TS_S3_SECRET_ACCESS_KEY": "key",
}


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_it_is_made_once(region: str):
    settings = load(NEEDED | {"TS_S3_REGION": region})
    with mock_aws():
        assert ensure(settings) is True
        assert ensure(settings) is False


@pytest.mark.parametrize("lock", ["off", "governance"])
def test_a_new_one_is_closed_and_ends_old_uploads_and_has_a_lock_only_if_asked(lock: str):
    settings = load(NEEDED | {"TS_S3_LOCK": lock})
    with mock_aws():
        ensure(settings)
        s3 = boto3.client("s3", region_name="us-east-1")
        closed = s3.get_public_access_block(Bucket=settings.s3_bucket)["PublicAccessBlockConfiguration"]
        (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=settings.s3_bucket)["Rules"]
        versions = s3.get_bucket_versioning(Bucket=settings.s3_bucket).get("Status")
    assert set(closed.values()) == {True}
    assert rule.get("AbortIncompleteMultipartUpload") == {"DaysAfterInitiation": 1}
    assert versions == (None if lock == "off" else "Enabled")


@pytest.mark.parametrize(("code", "is_tolerated"), [("NotImplemented", True), ("AccessDenied", False)])
def test_a_store_that_cannot_is_told_of_and_one_that_refuses_is_an_error(code: str, is_tolerated: bool):
    said: list[str] = []

    def ask(**_asked: object) -> None:
        raise ClientError({"Error": {"Code": code}}, "PutPublicAccessBlock")

    if is_tolerated:
        _tolerant(said.append, "closing", ask)
        assert said == [f"closing: this store cannot ({code})"]
    else:
        with pytest.raises(ClientError):
            _tolerant(said.append, "closing", ask)
