"""Business numbers: whose they are, where their calls go, and who changed that."""

from collections.abc import Set
from datetime import UTC, datetime
from typing import Any

import click

from ops.manage.context import database, e164, json_option, show
from ops.manage.number_changes import checked, known, write
from ops.manage.number_set import note_option, set_
from ops.manage.records import show_one
from ops.manage.sync import sync
from shared.db import numbers as rows
from shared.domain.call_preview import preview as preview_call
from shared.domain.routing import Caller, Number, document


@click.group()
def numbers() -> None:
    """Our phone numbers and their routing."""


numbers.add_command(sync)
numbers.add_command(set_)


@numbers.command(name="list")
@click.option("--tenant", help="Only this tenant's.")
@json_option
def list_(tenant: str | None, as_json: bool) -> None:
    """All numbers. owner_checked_at: when pns-provisioning-service last answered whose it is."""
    with database() as conn:
        found = [row for row in rows.every(conn) if tenant in (None, row.tenant_id)]
        checked_at = rows.owners_checked(conn)
    show([_line(row) | {"owner_checked_at": checked_at.get(row.phone_number)} for row in found], as_json=as_json)


@numbers.command(name="show")
@click.argument("phone_number", callback=e164)
@json_option
def show_(phone_number: str, as_json: bool) -> None:
    """One number with its whole routing."""
    with database() as conn:
        row = known(conn, phone_number)
    facts = {"phone_number": row.phone_number, "tenant_id": row.tenant_id, "version": row.version, "status": row.status}
    routing = document(row.routing)
    show_one(facts | ({"routing": routing} if as_json else routing), as_json=as_json)


@numbers.command()
@click.argument("phone_number", callback=e164)
@json_option
def history(phone_number: str, as_json: bool) -> None:
    """Who has changed PHONE_NUMBER, the newest first; with --json also to what."""
    with database() as conn:
        known(conn, phone_number)
        found = rows.versions(conn, phone_number)
    show(
        [
            {"version": row.version, "changed_at": row.changed_at, "changed_by": row.changed_by, "via": row.via,
             "tenant_id": row.tenant_id, "note": row.note} | ({"routing": row.routing} if as_json else {})
            for row in found
        ],
        as_json=as_json,
    )  # fmt: skip


@numbers.command()
@click.argument("phone_number", callback=e164)
@click.argument("version", type=click.IntRange(1))
@note_option
def restore(phone_number: str, version: int, note: str | None) -> None:
    """Make the routing of an old VERSION the new one. The owner stays; the versions between stay in the history."""
    with database() as conn:
        now = known(conn, phone_number)
        (old,) = rows.versions(conn, phone_number, limit=1, before=version + 1) or (None,)
        if old is None or old.version != version:
            raise click.ClickException(f"{phone_number} has no version {version}: see `numbers history`")
        wanted = Number(phone_number, now.tenant_id, checked(old.routing, phone_number))
        made = write(conn, wanted, note=note or f"version {version} again", expected_version=now.version)
    click.echo(f"{phone_number} is as in version {version} (version {made})")


@numbers.command()
@click.argument("phone_number", callback=e164)
@click.argument("callers", nargs=-1, required=True)
@note_option
def block(phone_number: str, callers: tuple[str, ...], note: str | None) -> None:
    """Turn CALLERS away: numbers, or beginnings of them and `*`."""
    _change_blocked(phone_number, add=set(callers), note=note)


@numbers.command()
@click.argument("phone_number", callback=e164)
@click.argument("callers", nargs=-1, required=True)
@note_option
def unblock(phone_number: str, callers: tuple[str, ...], note: str | None) -> None:
    """Let CALLERS through again, each as it was blocked."""
    _change_blocked(phone_number, remove=set(callers), note=note)


def _change_blocked(
    phone_number: str, *, add: Set[str] = frozenset(), remove: Set[str] = frozenset(), note: str | None
) -> None:
    with database() as conn:
        now = known(conn, phone_number)
        if strangers := sorted(remove - now.routing.blocked):
            raise click.ClickException(f"not blocked: {', '.join(strangers)}")
        said = document(now.routing) | {"blocked": sorted((now.routing.blocked | add) - remove)}
        said["welcome"] = sorted(now.routing.welcome - add)  # who is blocked is not welcome any more
        wanted = Number(phone_number, now.tenant_id, checked(said, phone_number))
        made = write(conn, wanted, note=note, expected_version=now.version)
    click.echo(f"{phone_number} turns {len(wanted.routing.blocked)} entries away (version {made})")


@numbers.command()
@click.argument("phone_number", callback=e164)
@click.option("--from", "caller", default="", help="Who calls: +1…, anonymous, sip:…; without: nobody says.")
@click.option("--stir", default="", help="Twilio's StirVerstat, like TN-Validation-Failed.")
@click.option("--forwarded-from", default="", help="The phone that sends the call on to us.")
@click.option("--at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"]), help="ISO 8601; without: now.")
@json_option
def preview(phone_number: str, caller: str, stir: str, forwarded_from: str, at: datetime | None, as_json: bool) -> None:
    """What would become of a call to PHONE_NUMBER. Nobody is rung."""
    with database() as conn:
        number = known(conn, phone_number)
    found = preview_call(number, Caller(caller, stir, forwarded_from), at or datetime.now(UTC))
    rings: Any = [[{"to": each.to, "ring_s": each.ring_s} for each in group] for group in found.rings]
    if not as_json:
        rings = ", then ".join(
            " and ".join(f"{each.to} for {each.ring_s} s" for each in group) for group in found.rings
        )
    show_one({"route": found.route.kind, "reason": found.route.reason, "rings": rings}, as_json=as_json)


def _line(row: Number) -> dict[str, Any]:
    return {
        "phone_number": row.phone_number, "tenant_id": row.tenant_id, "version": row.version, "status": row.status,
        "forward_to": ", ".join(target.to for target in row.routing.targets),
        "hours": row.routing.hours.zone if row.routing.hours else "always",
        "record": row.routing.recording.mode, "voicemail": row.routing.voicemail,
    }  # fmt: skip
