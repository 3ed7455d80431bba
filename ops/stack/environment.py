"""The variables the house runs with: ports, secrets and addresses of the sandbox, and what the caller has named."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ops.stack import envfile
from ops.stack.options import Options, Refused
from ops.stack.runfolder import RunFolder

STORES = ("TS_REDIS_URL", "TS_DATABASE_URL", "TS_S3_ENDPOINT_URL")
# Of the caller's environment these would send the SDKs somewhere else.
MISLEADING = ("TWILIO_REGION", "TWILIO_EDGE", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")

# Every receiver of the sandbox runs on this machine; the caller may have others.
LOOPBACK = ("127.0.0.0/8", "::1", "localhost")


def given_stores(options: Options, environ: Mapping[str, str], run: RunFolder) -> dict[str, str]:
    """The stores that run elsewhere: named by the caller. Those of our own last run do not count as such."""
    ours = envfile.read(run.secrets_file)
    passwords = [ours[name] for name in ("REDIS_PASSWORD", "POSTGRES_PASSWORD") if name in ours]
    given = {name: environ[name] for name in STORES if environ.get(name)}
    # A shell that has sourced .run/env still has the addresses of a stack that has ended.
    given = {name: url for name, url in given.items() if not any(password in url for password in passwords)}
    if environ.get("TS_S3_ACCESS_KEY_ID") == ours.get("S3_ACCESS_KEY_ID", ""):
        given.pop("TS_S3_ENDPOINT_URL", None)
    if "TS_S3_ENDPOINT_URL" in given:
        given |= {name: value for name, value in environ.items() if name.startswith("TS_S3_")}
    if options.redis and "://" in options.redis:
        given["TS_REDIS_URL"] = options.redis
    return given


def house(options: Options, environ: Mapping[str, str], run: RunFolder) -> dict[str, str]:
    """Every variable of the house but those of the stores. Raises Refused when the real Twilio lacks something."""
    at = {name: f"127.0.0.1:{port}" for name, port in options.ports.items()}
    urls = {name: f"http://{address}" for name, address in at.items()}
    told = {
        "TS_JOURNAL_DIR": str(run.path / "journal"),
        "TS_FALLBACK_JOURNAL_DIR": str(run.path / "fallback-journal"),
        "TS_FALLBACK_BIND": at["fallback"],
        "TS_FALLBACK_URL": urls["fallback"],
        "TS_ENV": "sandbox",
        "TS_BIND": at["ingress"],
        "TS_ADMIN_BIND": at["admin"],
        "TS_PUBLIC_URL": urls["ingress"],
        "TS_URL": urls["ingress"],
        "TS_ADMIN_URL": urls["admin"],
        "TS_STANDINS_URL": urls["standins"],
        "TS_AS_CALL_SERVICE_URL": f"{urls['standins']}/as-call",
        "TS_PNS_URL": f"{urls['standins']}/pns",
        "TS_EVENT_ALLOW": _and_loopback(environ.get("TS_EVENT_ALLOW", "")),
        "INTERNAL_SERVICE_KEY": run.secret("INTERNAL_SERVICE_KEY"),
        "TS_JWT_SECRET": run.secret("TS_JWT_SECRET", 32),
        "FLOWER_URL": urls["flower"],
        "FLOWER_PORT": str(options.ports["flower"]),
        "FLOWER_BASIC_AUTH": f"demo:{run.secret('FLOWER_PASSWORD', 8)}",
        "TS_LOG_FORMAT": "json",
        "PROMETHEUS_MULTIPROC_DIR": str(run.metrics),
        "TS_RUN_DIR": str(run.path),
    }
    if options.real_twilio:
        return told | _real_twilio(environ)
    return told | {
        "TS_SIMULATOR_URL": urls["simulator"],
        "TS_TWILIO_API_URL": urls["simulator"],
        "TWILIO_ACCOUNT_SID": f"AC{run.secret('TWILIO_ACCOUNT', 16)}",
        "TWILIO_AUTH_TOKEN": run.secret("TWILIO_AUTH_TOKEN", 16),
    }


def _and_loopback(given: str) -> str:
    """Each once: a shell that has sourced .run/env gives back what it was told."""
    return ",".join(dict.fromkeys([*LOOPBACK, *filter(None, given.split(","))]))


def engine(told: Mapping[str, str]) -> dict[str, str]:
    """Who writes down what is said: the stand-in. It hears the same words in every sound: for tones, never for real calls."""
    if "TS_SIMULATOR_URL" not in told:
        return {}
    return {"TS_TRANSCRIPTION": "http", "TS_TRANSCRIPTION_URL": f"{told['TS_STANDINS_URL']}/engine"}


def for_children(told: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a child: the caller's, under ours, with the venv's programs first on the path."""
    kept = {name: value for name, value in environ.items() if name not in MISLEADING}
    programs = str(Path(sys.executable).parent)
    without_proxy = ",".join(filter(None, [environ.get("NO_PROXY") or environ.get("no_proxy"), "127.0.0.1,localhost"]))
    return {
        **kept,
        **told,
        "PATH": os.pathsep.join([programs, environ.get("PATH", os.defpath)]),
        "NO_PROXY": without_proxy,
        "no_proxy": without_proxy,
        "PYTHONUNBUFFERED": "1",
    }


def _real_twilio(environ: Mapping[str, str]) -> dict[str, str]:
    needed = ("TS_PUBLIC_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")
    missing = [name for name in needed if not (environ.get(name) or environ.get(f"{name}_FILE"))]
    if missing:
        raise Refused(
            f"--real-twilio needs {', '.join(missing)}: the account's credentials, "
            "and the https address under which Twilio reaches this machine"
        )
    if not environ.get("TS_PUBLIC_URL", "").startswith("https://"):
        raise Refused("--real-twilio needs an https:// TS_PUBLIC_URL: Twilio's webhooks carry people's messages")
    named = {name: environ[name] for name in needed if environ.get(name)}
    # Without an address of its own that Twilio can reach, the ingress's is its own fallback.
    return {**named, "TS_TWILIO_API_URL": "", "TS_FALLBACK_URL": environ.get("TS_FALLBACK_URL", "")}
