"""Where the sandbox's S3 listens and how it is started; its inside is `ops.stack.s3_server`."""

import sys
from dataclasses import dataclass
from pathlib import Path

from ops.stack import probes
from ops.stack.service import Service

BUCKET = "twilio-server"
REGION = "us-east-1"
SIGNING = "sandbox"  # with this links are signed, whatever the access key: it guards nothing


@dataclass(frozen=True)
class S3Server:
    """One embedded S3 with its bucket. It takes any credentials, but links only if they are signed with the secret."""

    url: str
    service: Service


def server(folder: Path, port: int, bucket: str = BUCKET, secret: str = "") -> S3Server:
    """A server whose bucket's objects are kept under `folder`. Without a secret it takes links of any signature."""
    url = f"http://127.0.0.1:{port}"
    argv = [sys.executable, "-m", "ops.stack.s3_server", "--port", str(port), "--folder", str(folder / "s3")]
    return S3Server(
        url,
        Service(
            "s3",
            [*argv, "--bucket", bucket, "--region", REGION, "--secret", secret],
            probe=lambda _pid: probes.http_ok(f"{url}/{bucket}", "HEAD"),
        ),
    )
