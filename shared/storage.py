"""The store of recordings: any S3. Writing is boto3's; a reader gets a signed link made here.

boto3 is imported when the first object is written: it costs 0.7 s and 50 MB, and the ingress only ever signs links.
"""

import hashlib
import hmac
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import quote, urlencode, urlsplit

from shared.errors import Transient
from shared.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_CONNECT_S: Final = 3  # within a region connecting takes milliseconds
_READ_S: Final = 30  # a recording of minutes is a few megabytes; half a minute without a byte is an outage


@dataclass(frozen=True)
class Store:
    """Writes objects. One per process."""

    settings: Settings

    @cached_property
    def client(self) -> "S3Client":
        """boto3's client, made on first use."""
        import boto3
        from botocore.config import Config

        chosen = self.settings
        return boto3.client(
            "s3",
            endpoint_url=chosen.s3_endpoint_url or None,
            region_name=chosen.s3_region,
            aws_access_key_id=chosen.s3_access_key_id or None,
            aws_secret_access_key=chosen.s3_secret_access_key or None,
            config=Config(
                signature_version="s3v4",  # the only one that newer regions and encrypted objects accept
                connect_timeout=_CONNECT_S,
                read_timeout=_READ_S,
                retries={"total_max_attempts": 1},  # our own jobs retry, with a row to remember it
                s3={"addressing_style": "path" if chosen.s3_endpoint_url else "auto"},
            ),
        )

    def put(self, key: str, file: IO[bytes], *, size_bytes: int, sha256: bytes, content_type: str) -> None:
        """Stores the whole file under `key`. The store itself checks SHA-256 on arrival and refuses a damaged one.

        The same key written again holds the same content, so a repeated attempt does no harm. Raises Transient.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.put_object(
                Bucket=self.settings.s3_bucket,
                Key=key,
                Body=file,
                ContentLength=size_bytes,
                ContentType=content_type,
                ChecksumSHA256=b64encode(sha256).decode(),
            )
        except (BotoCoreError, ClientError) as fault:
            raise Transient(f"store: {type(fault).__name__}") from fault


def presigned_get(settings: Settings, key: str, *, expires_s: int, now: datetime | None = None) -> str:
    """A link that reads `key` for `expires_s` seconds (AWS Signature Version 4, query form).

    The tests hold it against botocore's own.
    """
    at = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    base = urlsplit(settings.s3_endpoint_url or f"https://s3.{settings.s3_region}.amazonaws.com")
    scope = f"{at[:8]}/{settings.s3_region}/s3/aws4_request"
    path = quote(f"{base.path}/{settings.s3_bucket}/{key}", safe="/-_.~")
    query = urlencode(
        {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{settings.s3_access_key_id}/{scope}",
            "X-Amz-Date": at,
            "X-Amz-Expires": str(expires_s),
            "X-Amz-SignedHeaders": "host",
        },
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
