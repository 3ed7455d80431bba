"""The sandbox's S3: moto's server with one bucket that remembers its objects on disk.

moto keeps everything in memory. What is put or deleted through this process is mirrored in a folder, object by object,
and read back at the next start, so that a recording still plays after a restart. Single-part and multipart uploads, tags
and versions work as moto does them; only each key's newest content is kept on disk. What moto leaves out is done here: a
SHA-256 that comes with an upload is compared, as S3 does.
"""

import argparse
import hashlib
import io
import json
import os
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

os.environ.setdefault("MOTO_ALLOW_NONEXISTENT_REGION", "true")

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import FakeDeleteMarker, s3_backends
from werkzeug.serving import make_server

CHANGES = {"PUT", "POST", "DELETE"}
# What moto knows of an object's checksum.
CHECKSUM = ("algorithm", "type", "value", "parts")
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
    told = parser.parse_args()
    mirror = Mirror(told.folder, told.bucket, told.region)
    app = comparing(remembering(DomainDispatcherApplication(create_backend_app), mirror))
    make_server("127.0.0.1", told.port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    main()
