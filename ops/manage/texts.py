"""Texts and bulks, through our own API (TS_URL, TS_API_KEY): what it refuses, this refuses."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from ops.demo_world import BUSINESS
from ops.manage.asking import ask
from ops.manage.context import environment, json_option, show

_LISTED = ("created_at", "id", "status", "purpose", "to", "from", "error_code")


@click.group()
def sms() -> None:
    """Texts."""


@sms.command()
@click.argument("to")
@click.argument("body")
@click.option("--from", "from_", default=BUSINESS, show_default=True, help="One of our numbers.")
@click.option("--purpose", type=click.Choice(["conversation", "transactional", "marketing"]), default="transactional")
def send(to: str, body: str, from_: str, purpose: str) -> None:
    """Send a text."""
    answer = _api("POST", "/sms/send", json={"to": to, "from": from_, "body": body, "purpose": purpose})
    click.echo(f"{answer['id']} {answer['status']}")


@sms.command(name="list")
@click.option("--to", help="The person, E.164.")
@click.option("--tenant", "tenant_id")
@click.option("--status", help="As the API tells it: queued, delivered, failed, ...")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@json_option
def list_(as_json: bool, **wanted: Any) -> None:
    """The newest texts."""
    found = _api("GET", "/sms", params={name: value for name, value in wanted.items() if value is not None})["data"]
    show(found if as_json else [{name: text[name] for name in _LISTED} for text in found], as_json=as_json)


@sms.command(name="show")
@click.argument("message_id")
def show_(message_id: str) -> None:
    """Everything about one text, by our id or Twilio's."""
    click.echo(json.dumps(_api("GET", f"/sms/{message_id}"), indent=2, ensure_ascii=False))


@sms.command()
@click.argument("message_id")
def cancel(message_id: str) -> None:
    """Call off a text that has not left."""
    click.echo(_api("POST", f"/sms/{message_id}/cancel")["status"])


@sms.command()
@click.argument("message_id")
@click.argument("action", type=click.Choice(["resend", "cancel"]))
def resolve(message_id: str, action: str) -> None:
    """Settle a parked text, of which nobody knows whether Twilio has it."""
    click.echo(_api("POST", f"/sms/{message_id}/resolve", json={"action": action})["status"])


@click.group()
def bulk() -> None:
    """Texts to many people."""


@bulk.command(name="send")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--from", "from_", default=BUSINESS, show_default=True, help="One of our numbers.")
@click.option("--body", default="", help="With {{column}} for what differs; a column `body` goes before it.")
@click.option("--purpose", type=click.Choice(["conversation", "transactional", "marketing"]), default="transactional")
@click.option("--key", help="Idempotency-Key: the same again sends nothing twice. Without: a new one.")
def send_bulk(file: Path, from_: str, body: str, purpose: str, key: str | None) -> None:
    """Send to everybody in FILE, a CSV with a header row and a column `to`."""
    headers = {"Content-Type": "text/csv", "Idempotency-Key": key or uuid4().hex}
    common = {"from": from_, "body": body, "purpose": purpose}
    answer = _api("POST", "/sms/bulk", params=common, data=file.read_bytes(), headers=headers)
    click.echo(f"{answer['id']} {answer['total']}")


@bulk.command(name="show")
@click.argument("bulk_id")
@json_option
def show_bulk(bulk_id: str, as_json: bool) -> None:
    """How far it has come."""
    _tell(_api("GET", f"/sms/bulk/{bulk_id}"), as_json=as_json)


def _change(name: str, what: str) -> click.Command:
    @click.argument("bulk_id")
    @json_option
    def change(bulk_id: str, as_json: bool) -> None:
        _tell(_api("POST", f"/sms/bulk/{bulk_id}/{name}"), as_json=as_json)

    return click.command(name=name, help=what)(change)


for _name, _what in (
    ("pause", "Let no more of its texts leave."),
    ("resume", "Let its texts leave again."),
    ("cancel", "Call off what of it has not left."),
):
    bulk.add_command(_change(_name, _what))


def _tell(told: dict[str, Any], *, as_json: bool) -> None:
    counts = {name: count for name, count in told["counts"].items() if count}
    show([told if as_json else {"state": told["state"], "total": told["total"], **counts}], as_json=as_json)


def _api(method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
    given = environment()
    key = {"Authorization": f"Bearer {given.get('TS_API_KEY', '')}"}
    url = f"{given.get('TS_URL', 'http://127.0.0.1:4000')}/api{path}"
    return ask(method, url, headers=key | (headers or {}), **more).json()
