"""Links that read one object for a while, signed here: AWS Signature Version 4 in its query form, without boto3."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit

from shared.settings import Settings


def presigned_get(
    settings: Settings,
    key: str,
    *,
    expires_s: int,
    overrides: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> str:
    """A link that reads `key` for `expires_s` seconds. `overrides`: headers that its answer is to have instead, as
    `response-content-disposition` (S3, GetObject).

    The tests hold it against botocore's own.
    """
    at = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    base = urlsplit(settings.s3_endpoint_url or f"https://s3.{settings.s3_region}.amazonaws.com")
    scope = f"{at[:8]}/{settings.s3_region}/s3/aws4_request"
    path = quote(f"{base.path}/{settings.s3_bucket}/{key}", safe="/-_.~")
    query = urlencode(
        sorted(
            (
                {
                    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
                    "X-Amz-Credential": f"{settings.s3_access_key_id}/{scope}",
                    "X-Amz-Date": at,
                    "X-Amz-Expires": str(expires_s),
                    "X-Amz-SignedHeaders": "host",
                }
                | dict(overrides or {})
            ).items()
        ),
        quote_via=quote,
        safe="-_.~",
    )
    request = f"GET\n{path}\n{query}\nhost:{base.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key_bytes = f"AWS4{settings.s3_secret_access_key}".encode()
    for part in (at[:8], settings.s3_region, "s3", "aws4_request"):
        key_bytes = hmac.digest(key_bytes, part.encode(), "sha256")
    signature = hmac.digest(key_bytes, to_sign.encode(), "sha256").hex()
    return f"{base.scheme}://{base.netloc}{path}?{query}&X-Amz-Signature={signature}"
