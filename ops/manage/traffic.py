"""Traffic by hand: calls and texts from the simulated outside."""

from typing import Any

import click

from ops.demo_world import BUSINESS, MISSED_CUSTOMER
from ops.manage.asking import ask
from ops.manage.context import environment


@click.group()
def simulate() -> None:
    """Let the Twilio simulator do something (sandbox only)."""


@simulate.command()
@click.option("--from", "from_", default=MISSED_CUSTOMER, show_default=True)
@click.option("--to", default=BUSINESS, show_default=True)
@click.option(
    "--owner", type=click.Choice(["answer", "no-answer", "busy", "failed"]), help="What the dialled phone does."
)
@click.option("--owner-phone", default="+14155550199", show_default=True)
def call(from_: str, to: str, owner: str | None, owner_phone: str) -> None:
    """A customer calls one of our numbers."""
    if owner:
        _ask(f"{_simulator()}/sim/phones/{owner_phone}", {"answers": owner}, method="PUT")
    click.echo(_ask(f"{_simulator()}/sim/calls", {"from": from_, "to": to})["sid"])


@simulate.command(name="sms")
@click.argument("body")
@click.option("--from", "from_", default=MISSED_CUSTOMER, show_default=True)
@click.option("--to", default=BUSINESS, show_default=True)
def sms_(body: str, from_: str, to: str) -> None:
    """A customer texts one of our numbers."""
    click.echo(_ask(f"{_simulator()}/sim/messages", {"from": from_, "to": to, "body": body})["sid"])


def _simulator() -> str:
    return environment().get("TS_SIMULATOR_URL", "http://127.0.0.1:4010")


def _ask(url: str, document: dict[str, Any], *, method: str = "POST") -> Any:
    return ask(method, url, json=document).json()
