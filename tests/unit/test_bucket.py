"""The bucket is made when it is missing, and left alone when it is there."""

import pytest
from moto import mock_aws

from ops.bucket import ensure
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
