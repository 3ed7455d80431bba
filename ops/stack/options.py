"""What a person may ask of ./ops/up, by flag or by variable."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ops.stack import ports, redis

# name, variable, usual port
PORTS = (
    ("ingress", "TS_PORT", 4000),
    ("admin", "TS_ADMIN_PORT", 4001),
    ("fallback", "TS_FALLBACK_PORT", 4002),
    ("simulator", "TS_SIMULATOR_PORT", 4010),
    ("standins", "TS_STANDINS_PORT", 4020),
    ("flower", "FLOWER_PORT", 5555),
)


class Refused(Exception):
    """What was asked cannot be done; the text says why and what to do instead. Exit code 2."""


@dataclass(frozen=True)
class Options:
    """One command line, understood."""

    ports: Mapping[str, int]
    redis: str | None = None
    """A flavour of `ops.stack.redis.FLAVOURS`, or the URL of a running server."""
    once: bool = False
    fresh: bool = False
    stop: bool = False
    demo: bool = True
    json: bool = False
    real_twilio: bool = False


def parse(words: Sequence[str], environ: Mapping[str, str]) -> Options:
    """The options in `words`, completed from `environ`. Ends the program on --help and on words it does not know."""
    told = _parser().parse_args(words)
    if told.json and not told.once:
        raise Refused("--json goes with --once: it prints the result of the demo")
    if told.redis and "://" not in told.redis and told.redis not in redis.FLAVOURS:
        raise Refused(f"--redis takes {', '.join(redis.FLAVOURS)} or a redis:// URL, not {told.redis}")
    return Options(
        ports=_ports(told, environ),
        redis=told.redis,
        once=told.once,
        fresh=told.fresh,
        stop=told.stop,
        demo=told.demo and not told.real_twilio,
        json=told.json,
        real_twilio=told.real_twilio,
    )


def refuse_taken(chosen: Mapping[str, int], skip: Sequence[str] = ()) -> None:
    """Raises Refused, naming every port that somebody else holds."""
    taken = [
        ports.complaint(chosen[name], variable)
        for name, variable, _ in PORTS
        if name not in skip and ports.is_taken(chosen[name])
    ]
    if taken:
        raise Refused("\n".join(taken))


def _ports(told: argparse.Namespace, environ: Mapping[str, str]) -> dict[str, int]:
    chosen: dict[str, int] = {}
    for name, variable, usual in PORTS:
        asked = getattr(told, name) or environ.get(variable)
        if not asked and told.auto_ports:
            asked = next(port for port in iter(ports.free_port, None) if port not in chosen.values())
        try:
            chosen[name] = int(asked or usual)
        except ValueError:
            raise Refused(f"{variable}={asked} is not a port") from None
        if not 0 < chosen[name] < 65536:
            raise Refused(f"{variable}={asked} is not a port")
    if len(set(chosen.values())) < len(chosen):
        raise Refused(f"two of the ports are the same: {chosen}")
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./ops/up", description="Starts the whole house on this machine, plays a demo through it, stays up."
    )
    parser.add_argument("--once", action="store_true", help="play the demo, stop, exit 0 or 1")
    parser.add_argument("--json", action="store_true", help="with --once: print only the demo's result, as JSON")
    parser.add_argument("--no-demo", dest="demo", action="store_false", help="start without the demo")
    parser.add_argument("--fresh", action="store_true", help="forget the data of earlier runs")
    parser.add_argument("--stop", action="store_true", help="stop the stack that runs from this folder")
    parser.add_argument("--redis", metavar="NAME|URL", help=f"which server: {', '.join(redis.FLAVOURS)}, or a URL")
    parser.add_argument("--auto-ports", action="store_true", help="take free ports where none is named")
    parser.add_argument(
        "--real-twilio",
        action="store_true",
        help="talk to Twilio itself: needs TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TS_PUBLIC_URL; no demo",
    )
    for name, variable, usual in PORTS:
        flag = "--port" if name == "ingress" else f"--{name}-port"
        parser.add_argument(flag, dest=name, type=int, metavar="PORT", help=f"or {variable}; usually {usual}")
    return parser
