"""Traffic by hand: a text through our own API, and calls and texts from the simulated outside."""

import sys
from typing import Any

import click
import requests

from ops.demo_world import BUSINESS, MISSED_CUSTOMER
from ops.manage.context import environment

_PATIENCE_S = 10.0  # everything here is on this machine or one hop away


@click.group()
def sms() -> None:
    """Texts."""


@sms.command()
@click.argument("to")
@click.argument("body")
@click.option("--from", "from_", default=BUSINESS, show_default=True, help="One of our numbers.")
def send(to: str, body: str, from_: str) -> None:
    """Send a text through the API (TS_URL, TS_API_KEY)."""
    given = environment()
    answer = _post(f"{given.get('TS_URL', 'http://127.0.0.1:4000')}/api/sms/send",
                   {"to": to, "from": from_, "body": body},
                   headers={"Authorization": f"Bearer {given.get('TS_API_KEY', '')}"})  # fmt: skip
    click.echo(f"{answer['id']} {answer['status']}")


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
        _post(f"{_simulator()}/sim/phones/{owner_phone}", {"answers": owner}, method="PUT")
    click.echo(_post(f"{_simulator()}/sim/calls", {"from": from_, "to": to})["sid"])


@simulate.command(name="sms")
@click.argument("body")
@click.option("--from", "from_", default=MISSED_CUSTOMER, show_default=True)
@click.option("--to", default=BUSINESS, show_default=True)
def sms_(body: str, from_: str, to: str) -> None:
    """A customer texts one of our numbers."""
    click.echo(_post(f"{_simulator()}/sim/messages", {"from": from_, "to": to, "body": body})["sid"])


def _simulator() -> str:
    return environment().get("TS_SIMULATOR_URL", "http://127.0.0.1:4010")


def _post(url: str, document: dict[str, Any], *, method: str = "POST", headers: dict[str, str] | None = None) -> Any:
    try:
        answer = requests.request(method, url, json=document, headers=headers, timeout=_PATIENCE_S)
    except requests.RequestException:  # refused, or silent for as long as we wait
        sys.exit(f"nothing answers at {url.split('/', 3)[2]}: is the stack running (./ops/up)?")
    if not answer.ok:
        sys.exit(f"{answer.status_code}: {answer.text}")
    return answer.json()
