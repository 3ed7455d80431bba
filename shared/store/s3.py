"""Recordings in any S3. Writing is boto3's; reading goes by links signed here.

boto3 is imported when it is first needed: it costs 0.7 s and 50 MB, and the ingress only ever reads.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import IO, TYPE_CHECKING, Any, Final

import requests
from requests.exceptions import RequestException

from shared.domain.sound import Sound
from shared.errors import Damaged, Transient
from shared.settings import Settings
from shared.store import s3_confirm, s3_delete, s3_upload
from shared.store.kept import Listed, Receipt, Source, disposition
from shared.store.presigned import presigned_get
from shared.store.s3_faults import RETRY_S, as_outcomes, status_of
from shared.store.verified import check_all

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_CONNECT_S: Final = 3  # within a region connecting takes milliseconds
_READ_S: Final = 30  # a recording of minutes is a few megabytes; half a minute without a byte is an outage
# A listener waits: ten seconds without a byte is an outage.
_LISTEN: Final = (3.05, 10.0)
# The link is used at once; it outlives only the clock difference between us and the store.
_LINK_S: Final = 60
_CHUNK_BYTES: Final = 64 * 1024


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
        """Stores the whole file under `key`, and asks the store what it has. Nothing is overwritten: the same content there
        already is fine, after a worker that was killed.

        Raises Damaged("changed") when other content is there, Transient.
        """
        is_new = self._upload(key, file, sound)
        try:
            receipt = self.confirm(key, sound)
        except Damaged as fault:
            if is_new or fault.reason == "missing":
                raise Transient(f"store: {fault.reason} on arrival", retry_after_s=RETRY_S) from fault
            raise Damaged("changed") from fault
        s3_confirm.compare_wishes(self.settings, receipt)
        return receipt

    def confirm(self, key: str, sound: Sound) -> Receipt:
        """What the store says of the object now, if that is exactly this sound. A store that keeps no SHA-256 is read back.

        Raises Damaged, Transient.
        """
        with as_outcomes():
            facts = s3_confirm.facts(self.client, self.settings.s3_bucket, key)
        if not s3_confirm.is_proven(facts, sound):
            check_all(partial(self.read, key), sound)
        return s3_confirm.receipt(self.settings.s3_bucket, facts, sound)

    def check(self, key: str, sound: Sound) -> None:
        """Reads everything back and hashes it again, whatever the store says of it. Raises Damaged, Transient."""
        with as_outcomes():
            facts = s3_confirm.facts(self.client, self.settings.s3_bucket, key)
        s3_confirm.compare_size(facts, sound)
        check_all(partial(self.read, key), sound)

    def read(self, key: str, start: int, stop: int) -> Source:
        """The bytes from `start` up to `stop`, as they come. Raises Transient, Damaged when there are none such."""
        link = presigned_get(self.settings, key, expires_s=_LINK_S)
        headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        with requests.Session() as session:
            session.trust_env = False  # a .netrc on the host would add credentials that contradict the link's
            try:
                answer = session.get(link, headers=headers, stream=True, timeout=_LISTEN, allow_redirects=False)
            except RequestException as fault:
                raise Transient("recording store unavailable", retry_after_s=RETRY_S) from fault
        if answer.status_code == 206 and answer.headers.get("Content-Length") == str(stop - start):
            return Source(_chunks(answer), answer.close)
        try:
            raise _refusal(answer)
        finally:
            answer.close()

    def delete(self, key: str) -> Receipt:
        """Deletes every version and delete marker of the key; none there is fine.

        Raises Deferred while one of them is under an object lock, Transient.
        """
        with as_outcomes():
            return s3_delete.delete(self.client, self.settings.s3_bucket, key)

    def listed(self, prefix: str) -> Iterator[Listed]:
        """The objects whose keys begin so, in no order that one may count on. Raises Transient."""
        with as_outcomes():
            pages = self.client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.settings.s3_bucket, Prefix=prefix):
                for found in page.get("Contents", []):
                    yield Listed(
                        found.get("Key", ""), found.get("Size", 0), found.get("LastModified", datetime.now(UTC))
                    )

    def abort_uploads(self, older_than_s: float) -> int:
        """Ends uploads in parts that were begun so long ago and never ended: each part of them costs. How many it were.

        Raises Transient.
        """
        before = datetime.now(UTC) - timedelta(seconds=older_than_s)
        with as_outcomes():
            return s3_delete.abort_uploads(self.client, self.settings.s3_bucket, before)

    def link(self, key: str, *, expires_s: int, filename: str, content_type: str, now: datetime | None = None) -> str:
        """An address that reads the object for `expires_s` seconds, and nothing else. Nothing is asked of the store."""
        overrides = {
            "response-content-disposition": disposition(filename),
            "response-content-type": content_type,
            "response-cache-control": "private, no-store",
        }
        return presigned_get(self.settings, key, expires_s=expires_s, overrides=overrides, now=now)

    def _upload(self, key: str, file: IO[bytes], sound: Sound) -> bool:
        """False when there is an object already."""
        from botocore.exceptions import ClientError

        with as_outcomes():
            try:
                s3_upload.upload(self.client, self.settings, key, file, sound)
            except ClientError as fault:
                if status_of(fault) != 412:  # Precondition Failed, of If-None-Match
                    raise
                return False
        return True


def _refusal(answer: requests.Response) -> Exception:
    if answer.status_code in (206, 416):
        return Damaged("truncated")
    if answer.status_code == 404 and not _is_bucket_missing(answer):
        return Damaged("missing")
    return Transient(f"store: {answer.status_code}", retry_after_s=RETRY_S)


def _is_bucket_missing(answer: requests.Response) -> bool:
    """Then it is our settings or the store that is wrong, and no recording has been lost."""
    beginning: Any = next(_chunks(answer), b"")
    return b"NoSuchBucket" in beginning


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    try:
        yield from answer.iter_content(_CHUNK_BYTES)
    except RequestException as fault:
        raise Transient("recording store broke off", retry_after_s=RETRY_S) from fault
