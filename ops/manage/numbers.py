"""Business numbers: whose they are and where their calls go."""

import click

from ops.manage.context import database, e164, json_option, show
from ops.manage.sync import sync
from shared.db import numbers as rows
from shared.domain.routing import DEFAULT_GREETING, RING_S, Number, RecordingPolicy, Routing, Target

_LONGEST_GREETING = 1000  # as the schema asks: more than a minute of speech


@click.group()
def numbers() -> None:
    """Our phone numbers and their routing."""


numbers.add_command(sync)


def _speakable(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if len(value) > _LONGEST_GREETING:
        raise click.BadParameter(f"must have {_LONGEST_GREETING} characters at the most")
    return value


@numbers.command(name="set")
@click.argument("phone_number", callback=e164)
@click.option("--tenant", required=True, help="Whose number it is.")
@click.option("--forward-to", callback=e164, help="The owner's phone; without: voicemail at once.")
@click.option("--ring", "ring_s", type=click.IntRange(5, 600), default=RING_S, show_default=True, help="Seconds.")
@click.option("--record/--no-record", default=False, show_default=True, help="Record calls, with a notice before.")
@click.option("--voicemail/--no-voicemail", default=True, show_default=True, help="After a call nobody took.")
@click.option("--greeting", default=DEFAULT_GREETING, callback=_speakable, help="What the voicemail says.")
def set_(
    phone_number: str, tenant: str, forward_to: str | None, ring_s: int, record: bool, voicemail: bool, greeting: str
) -> None:
    """Write how calls to PHONE_NUMBER are handled; in effect within seconds."""
    rules = Routing(
        targets=(Target(forward_to),) if forward_to else (),
        ring_s=ring_s,
        voicemail=voicemail,
        greeting=greeting,
        recording=RecordingPolicy("on" if record else "off"),
    )
    with database() as conn:
        rows.put(conn, Number(phone_number, tenant, rules), by="cli", via="cli")
    click.echo(f"{phone_number} {'forwards to ' + forward_to if forward_to else 'answers with voicemail'}")


@numbers.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """All numbers."""
    with database() as conn:
        found = rows.every(conn)
    show(
        [
            {
                "phone_number": row.phone_number,
                "tenant_id": row.tenant_id,
                "version": row.version,
                "forward_to": ", ".join(target.to for target in row.routing.targets),
                "record": row.routing.recording.mode,
                "voicemail": row.routing.voicemail,
            }
            for row in found
        ],
        as_json=as_json,
    )
