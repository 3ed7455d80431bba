from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest
import time_machine

from shared.settings import load
from shared.store.presigned import presigned_get
from shared.store.s3 import S3Store

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def settings(endpoint):
    return load({
        "TS_PUBLIC_URL": "https://x.example", "TS_REDIS_URL": "redis://x", "TS_DATABASE_URL": "postgresql://x/y",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t", "TS_S3_ENDPOINT_URL": endpoint,
        "TS_S3_BUCKET": "bucket", "TS_S3_ACCESS_KEY_ID": "AKIDEXAMPLE", "TS_S3_SECRET_ACCESS_KEY": "secret/+key",
    })  # fmt: skip


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9000", "https://s3.eu-west-1.amazonaws.com"])
@pytest.mark.parametrize("key", ["recordings/2026/05/04/RE1.wav", "odd name+ü.wav"])
def test_our_links_are_signed_as_botocore_signs_them(endpoint, key):
    given = settings(endpoint)
    ours = urlsplit(presigned_get(given, key, expires_s=300, now=NOW))
    client = S3Store(given).client
    with time_machine.travel(NOW, tick=False):
        theirs = urlsplit(
            client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": key}, ExpiresIn=300)
        )
    if "X-Amz-Signature" in theirs.query:
        assert (ours.netloc, ours.path) == (theirs.netloc, theirs.path)
        assert dict(parse_qsl(ours.query)) == dict(parse_qsl(theirs.query))
    else:
        pytest.fail("botocore made a link of an older signature version")
