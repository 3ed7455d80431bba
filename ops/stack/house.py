"""The programs of the house: those of the Procfile, and beside them, in the sandbox, Twilio's and the platform's doubles."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from ops.stack import probes, procfile, stores
from ops.stack.service import Service

RECEIVERS = ("ingress", "fallback")
WORKERS = ("events", "sms", "calls", "recordings", "transcripts", "notify")
# Nobody is waiting for these when the house opens.
CAN_WAIT = ("beat", "flower")
# Who brings work ends first, who finishes it next, who remembers it last.
STOP_ORDER = (("simulator",), RECEIVERS, ("beat",), WORKERS, ("flower", "standins"), *stores.STOP_ORDER)
WARM_STOP_S = 20  # a worker finishes what it has begun; what it does not finish is claimed again by another


def services(root: Path, env: Mapping[str, str]) -> dict[str, Service]:
    """The programs of the Procfile by name."""
    return {
        name: _service(name, procfile.argv(command), env) for name, command in procfile.read(root / "Procfile").items()
    }


def doubles(env: Mapping[str, str]) -> dict[str, Service]:
    """The Twilio simulator and the stand-ins of the sibling services, where `env` has a place for them."""
    found = {}
    for name, module, url in (
        ("simulator", "ops.twilio_sim", env.get("TS_SIMULATOR_URL")),
        ("standins", "ops.standins", env.get("TS_STANDINS_URL")),
    ):
        if url:
            argv = [sys.executable, "-m", module, "--bind", url.removeprefix("http://")]
            found[name] = Service(name, argv, probe=lambda _pid, url=url: probes.http_ok(f"{url}/livez"))
    return found


def _service(name: str, argv: list[str], env: Mapping[str, str]) -> Service:
    if name == "ingress":
        # Its own death signal lets gunicorn take its workers along.
        return Service(name, argv, lambda _pid: _ingress_ready(env), stop_grace_s=15, death_signal=signal.SIGTERM)
    if name == "fallback":
        ready = f"http://{env['TS_FALLBACK_BIND']}/readyz"
        return Service(name, argv, lambda _pid: probes.http_ok(ready), stop_grace_s=15, death_signal=signal.SIGTERM)
    if name in WORKERS:
        url = env["TS_REDIS_URL"]
        return Service(name, argv, lambda pid: probes.worker_alive(url, name, pid), stop_grace_s=WARM_STOP_S)
    if name == "flower":
        return Service(name, argv, lambda _pid: probes.http_ok(f"{env['FLOWER_URL']}/healthcheck"))
    return Service(name, argv)


def _ingress_ready(env: Mapping[str, str]) -> str:
    return probes.http_ok(f"{env['TS_URL']}/readyz") or probes.http_ok(f"{env['TS_ADMIN_URL']}/readyz?verbose")
