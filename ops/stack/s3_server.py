"""The sandbox's S3: moto's server with one bucket that remembers its objects on disk.

moto keeps everything in memory. What is put or deleted through this process is mirrored in a folder, object by object,
and read back at the next start, so that a recording still plays after a restart. Single-part and multipart uploads, tags
and versions work as moto does them; only each key's newest content is kept on disk. What moto leaves out is done here, as S3
does it: a SHA-256 that comes with an upload is compared, an upload in parts is locked as it was begun, and a signed link is
refused when it has ended or was altered.
"""

import argparse
import hashlib
import io
import json
import os
import re
from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

os.environ.setdefault("MOTO_ALLOW_NONEXISTENT_REGION", "true")

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import FakeDeleteMarker, s3_backends
from werkzeug.serving import make_server

CHANGES = {"PUT", "POST", "DELETE"}
# What moto knows of an object's checksum.
CHECKSUM = ("algorithm", "type", "value", "parts")
# Of an upload in parts: moto's names of an object's lock, and the headers that ask for it.
LOCK = {"lock_mode": "HTTP_X_AMZ_OBJECT_LOCK_MODE", "lock_until": "HTTP_X_AMZ_OBJECT_LOCK_RETAIN_UNTIL_DATE"}
UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)")
SIGNED_AT = "%Y%m%dT%H%M%SZ"
BAD_DIGEST = (
    b"<Error><Code>BadDigest</Code><Message>The SHA256 you specified did not match what was received.</Message></Error>"
)


class Mirror:
    """One bucket's objects as files: the content, and beside it what S3 said of it."""

    def __init__(self, folder: Path, bucket: str, region: str):
        self.folder, self.bucket = folder, bucket
        self.backend: Any = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        folder.mkdir(parents=True, exist_ok=True)
        self.backend.create_bucket(bucket, region)
        for facts in sorted(folder.glob("*.json")):
            self._restore(facts)

    def note(self, key: str) -> None:
        """Bring the files of `key` to what the bucket has now."""
        found = self.backend.buckets[self.bucket].keys.get(key)
        content, facts = self._paths(key)
        if found is None or isinstance(found, FakeDeleteMarker):
            facts.unlink(missing_ok=True)
            content.unlink(missing_ok=True)
            return
        _replace(content, found.value)
        # The facts come last: without them the content is not read back.
        kept = {
            "key": key,
            "metadata": dict(found.metadata),
            "encryption": found.encryption,
            "kms_key_id": found.kms_key_id,
            "storage": found.storage_class,
            "etag": found.etag.strip('"'),
            "modified_at": found.last_modified.isoformat(),
            "checksum": {name: getattr(found, f"checksum_{name}") for name in CHECKSUM},
        }
        _replace(facts, json.dumps(kept).encode())

    def known(self) -> list[str]:
        """The keys that have files."""
        return [json.loads(facts.read_text(encoding="utf-8"))["key"] for facts in self.folder.glob("*.json")]

    def _restore(self, facts: Path) -> None:
        kept = json.loads(facts.read_text(encoding="utf-8"))
        stored = self.backend.put_object(
            self.bucket,
            kept["key"],
            facts.with_suffix(".bin").read_bytes(),
            storage=kept["storage"],
            encryption=kept["encryption"],
            kms_key_id=kept["kms_key_id"],
            etag=kept.get("etag"),
        )
        stored.set_metadata(kept["metadata"])
        for name, value in kept.get("checksum", {}).items():
            setattr(stored, f"checksum_{name}", value)
        if "modified_at" in kept:
            stored.last_modified = datetime.fromisoformat(kept["modified_at"])

    def _paths(self, key: str) -> tuple[Path, Path]:
        name = hashlib.sha256(key.encode()).hexdigest()  # a key may hold any character and be too long for a file name
        return self.folder / f"{name}.bin", self.folder / f"{name}.json"


def remembering(app: WSGIApplication, mirror: Mirror) -> WSGIApplication:
    """`app`, with every change it makes to the bucket's objects mirrored before the caller hears of it."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = list(app(environ, start_response))
        # WSGI hands a path over as bytes dressed up as latin-1.
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        bucket, _, key = path.removeprefix("/").partition("/")
        if bucket == mirror.bucket and environ["REQUEST_METHOD"] in CHANGES:
            for changed in [key] if key else mirror.known():  # without a key: many are deleted at once
                mirror.note(changed)
        return answer

    return serve


def comparing(app: WSGIApplication) -> WSGIApplication:
    """`app`, that is never shown a body which is not what its x-amz-checksum-sha256 says."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        told = environ.get("HTTP_X_AMZ_CHECKSUM_SHA256")
        if environ["REQUEST_METHOD"] != "PUT" or not told:
            return app(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if b64encode(hashlib.sha256(body).digest()).decode() != told:
            start_response("400 Bad Request", [("Content-Type", "application/xml")])
            return [BAD_DIGEST]
        environ["wsgi.input"] = io.BytesIO(body)
        return app(environ, start_response)

    return serve


def locking(app: WSGIApplication) -> WSGIApplication:
    """`app`, whose uploads in parts have the object lock that they were begun with."""
    begun: dict[str, dict[str, str]] = {}

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        answer = list(app(environ, start_response))
        if environ["REQUEST_METHOD"] != "POST":
            return answer
        if "uploads" in query and (found := UPLOAD_ID.search(b"".join(answer))):
            begun[found[1].decode()] = {name: environ[header] for name, header in LOCK.items() if header in environ}
        elif lock := begun.pop(query.get("uploadId", ""), None):
            bucket, _, key = environ["PATH_INFO"].removeprefix("/").partition("/")
            backend: Any = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
            for name, told in lock.items():
                setattr(backend.buckets[bucket].keys[key], name, told)
        return answer

    return serve


def refusing(app: WSGIApplication, secret: str) -> WSGIApplication:
    """`app`, that answers to a signed link while it lasts. Without a secret nobody's signature is looked at."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        if "X-Amz-Signature" in query and (refusal := _refusal(environ, query, secret)):
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [refusal]
        return app(environ, start_response)

    return serve


def _refusal(environ: WSGIEnvironment, query: dict[str, str], secret: str) -> bytes:
    signed_at = datetime.strptime(query["X-Amz-Date"], SIGNED_AT).replace(tzinfo=UTC)
    if datetime.now(UTC) > signed_at + timedelta(seconds=int(query["X-Amz-Expires"])):
        return b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    if secret and _signature(environ, query, secret) != query["X-Amz-Signature"]:
        return b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
    return b""


def _signature(environ: WSGIEnvironment, query: dict[str, str], secret: str) -> str:
    """As botocore makes it: what is signed in our own code is judged by another's."""
    access_key_id, _day, region, *_ = query["X-Amz-Credential"].split("/")
    target = re.sub("&X-Amz-Signature=[^&]*", "", environ["RAW_URI"])
    request = AWSRequest(environ["REQUEST_METHOD"], f"http://{environ['HTTP_HOST']}{target}")
    request.context["timestamp"] = query["X-Amz-Date"]
    auth = S3SigV4QueryAuth(Credentials(access_key_id, secret), "s3", region)
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.write_bytes(content)
    draft.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--secret", default="", help="Of all access keys; without: their signatures are not looked at.")
    told = parser.parse_args()
    mirror = Mirror(told.folder, told.bucket, told.region)
    app = locking(comparing(remembering(DomainDispatcherApplication(create_backend_app), mirror)))
    app = refusing(app, told.secret)
    make_server("127.0.0.1", told.port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    main()
