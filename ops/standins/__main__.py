"""Serves the stand-ins until it is told to stop: `python -m ops.standins --bind 127.0.0.1:4020`."""

import signal
import sys
from threading import Thread

import click

from ops.standins.app import build
from ops.standins.server import listen


@click.command()
@click.option("--bind", default="127.0.0.1:4020", show_default=True, help="Address and port; port 0 takes a free one.")
@click.option("--ts-url", envvar="TS_URL", required=True, show_envvar=True, help="Where twilio-server listens.")
@click.option(
    "--service-key",
    envvar="INTERNAL_SERVICE_KEY",
    required=True,
    show_envvar=True,
    help="The platform's X-Service-Key.",
)
def main(bind: str, ts_url: str, service_key: str) -> None:
    """Stand in for as-call-service, pns-provisioning-service, subscribers of signed notifications, and an engine of speech."""
    host, _, port = bind.rpartition(":")
    server = listen(build(ts_url, service_key), host or "127.0.0.1", int(port))
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for the loop this signal interrupts: it must be said from another thread.
        signal.signal(number, lambda *_: Thread(target=server.shutdown, daemon=True).start())
    print(f"stand-ins at http://{host}:{server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.1)
    sys.exit(0)


main()
