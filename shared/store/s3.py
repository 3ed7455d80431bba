"""Recordings in any S3. Writing is boto3's; reading goes by links signed here.

boto3 is imported when it is first needed: it costs 0.7 s and 50 MB, and the ingress only ever reads.
"""

from base64 import b64encode
from dataclasses import dataclass
from functools import cached_property
from typing import IO, TYPE_CHECKING, Final

import requests
from requests.exceptions import RequestException

from shared.domain.sound import Sound
from shared.errors import Damaged, Transient
from shared.settings import Settings
from shared.store.kept import Receipt, Source
from shared.store.presigned import presigned_get

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3.client import S3Client

_CONNECT_S: Final = 3  # within a region connecting takes milliseconds
_READ_S: Final = 30  # a recording of minutes is a few megabytes; half a minute without a byte is an outage
# A listener waits: ten seconds without a byte is an outage.
_LISTEN: Final = (3.05, 10.0)
# The link is used at once; it outlives only the clock difference between us and the store.
_LINK_S: Final = 60
_CHUNK_BYTES: Final = 64 * 1024
_RETRY_S: Final = 5  # seconds: most outages of a store are shorter


@dataclass(frozen=True)
class S3Store:
    """Objects of one bucket. One per process."""

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

    def put(self, key: str, file: IO[bytes], sound: Sound) -> Receipt:
        """Stores the whole file under `key`. The store itself checks SHA-256 on arrival and refuses a damaged one.

        Raises Transient.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.put_object(
                Bucket=self.settings.s3_bucket,
                Key=key,
                Body=file,
                ContentLength=sound.size_bytes,
                ContentType=sound.content_type,
                ChecksumSHA256=b64encode(sound.sha256).decode(),
            )
        except (BotoCoreError, ClientError) as fault:
            raise Transient(f"store: {type(fault).__name__}") from fault
        return {}

    def read(self, key: str, start: int, stop: int) -> Source:
        """The bytes from `start` up to `stop`, as they come. Raises Transient, Damaged when there are none such."""
        link = presigned_get(self.settings, key, expires_s=_LINK_S)
        headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        with requests.Session() as session:
            session.trust_env = False  # a .netrc on the host would add credentials that contradict the link's
            try:
                answer = session.get(link, headers=headers, stream=True, timeout=_LISTEN, allow_redirects=False)
            except RequestException as fault:
                raise Transient("recording store unavailable", retry_after_s=_RETRY_S) from fault
        if answer.status_code == 206 and answer.headers.get("Content-Length") == str(stop - start):
            return Source(_chunks(answer), answer.close)
        answer.close()
        if answer.status_code in (206, 404, 416):
            raise Damaged("missing" if answer.status_code == 404 else "truncated")
        raise Transient(f"store: {answer.status_code}")


def _chunks(answer: requests.Response) -> "Iterator[bytes]":
    try:
        yield from answer.iter_content(_CHUNK_BYTES)
    except RequestException as fault:
        raise Transient("recording store broke off") from fault
