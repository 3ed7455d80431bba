"""`python -m ops.twilio_sim`: runs the simulator until SIGTERM or Ctrl-C."""

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from ops.twilio_sim.account import account_from
from ops.twilio_sim.app import create_app
from ops.twilio_sim.server import server_for
from ops.twilio_sim.world import API_URL, World

# Each call and each connection has a thread; its frames need a few kilobytes, XML and TLS the rest.
STACK_BYTES = 512 * 1024
EXIT_USAGE = 2  # the answer to wrong arguments, a missing account and a taken port


def main(argv: list[str] | None = None) -> int:
    wishes = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    host, _, port = wishes.bind.rpartition(":")
    try:
        world = _world(wishes)
        _check_free(host, int(port))
    except (ValueError, OSError) as error:
        print(f"twilio_sim: {error}", file=sys.stderr)
        return EXIT_USAGE
    _serve(world, host, int(port))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops.twilio_sim", description="A Twilio for this machine.")
    parser.add_argument("--bind", default="127.0.0.1:4010", metavar="HOST:PORT", help="default %(default)s")
    parser.add_argument("--speed", type=float, default=1.0, help="world seconds in a real second, 0.01 to 1000")
    parser.add_argument("--seed", type=int, help="the same seed gives the same SIDs")
    parser.add_argument("--history", type=Path, metavar="FILE", help="append every webhook as a line of JSON")
    parser.add_argument("--api-url", default=API_URL, help="what RecordingUrl and media URLs begin with")
    return parser


def _world(wishes: argparse.Namespace) -> World:
    return World(
        account_from(),
        speed=wishes.speed,
        seed=wishes.seed,
        history_file=wishes.history,
        api_url=wishes.api_url.rstrip("/"),
    )


def _check_free(host: str, port: int) -> None:
    """werkzeug would explain a taken port over several lines and leave with status 1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _serve(world: World, host: str, port: int) -> None:
    threading.stack_size(STACK_BYTES)
    server = server_for(create_app(world), host, port)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, name="server", daemon=True).start()
    print(f"twilio_sim: listening on http://{host}:{server.port}", flush=True)
    stop.wait()
    server.shutdown()
    world.close()
    # Pool threads may still hang in a receiver's answer, for 15 s at most; nobody waits for that.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
