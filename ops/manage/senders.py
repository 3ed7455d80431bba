"""Senders: how fast each may send and how much a day, whose they are, and their pauses."""

from typing import Any

import click

from ops.manage.context import database, json_option, show
from shared import recipients
from shared.db import sender_overview
from shared.db import senders as rows
from shared.db.sender_overview import Overview
from shared.db.senders import Sender
from shared.domain.senders import default_rate, kind_of

_LONGEST_PAUSE_MIN = 366 * 24 * 60  # as the API's
_MOST = 10_000  # more than anybody reads


def _sender(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        kind = kind_of(value)
    except ValueError as fault:
        raise click.BadParameter(str(fault)) from None
    return value[:2] + value[2:].lower() if kind == "service" else value


def _service(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not (value.startswith("MG") and len(value) == 34):
        raise click.BadParameter("must be the SID of a Messaging Service")
    return value and _sender(_context, _parameter, value)


@click.group()
def senders() -> None:
    """What texts come from: rates, daily caps, pools and pauses."""


@senders.command(name="list")
@click.option("--tenant", help="Only of this tenant's pool.")
@click.option("--service", callback=_service, help="Only of this Messaging Service.")
@json_option
def list_(tenant: str | None, service: str | None, as_json: bool) -> None:
    """Senders that were set, or at which texts wait."""
    with database() as conn:
        found = sender_overview.page(conn, limit=_MOST, tenant_id=tenant, service_sid=service)
    show([_shown(row) for row in found], as_json=as_json)


@senders.command(name="set")
@click.argument("sender", callback=_sender)
@click.option("--tenant", help="In whose pool it is.")
@click.option("--service", callback=_service, help="The Messaging Service that it belongs to (MG…).")
@click.option("--rate", type=click.FloatRange(0.001, 1000), help="Segments a second; without: as its kind allows.")
@click.option("--per-day", type=click.IntRange(1, 1_000_000_000), help="Segments a day; without: any number.")
@json_option
def set_(
    sender: str, tenant: str | None, service: str | None, rate: float | None, per_day: int | None, as_json: bool
) -> None:
    """Write how SENDER may be used: all of it but its pause; what is left out is as its kind allows."""
    kind = kind_of(sender)
    if kind == "service" and service:
        raise click.UsageError("a Messaging Service belongs to no other")
    with database() as conn:
        rows.put(conn, Sender(sender, kind, tenant, service, rate, per_day))
        made = sender_overview.find(conn, sender)
    show([_shown(made)], as_json=as_json)


@senders.command()
@click.argument("sender", callback=_sender)
@click.option("--minutes", type=click.IntRange(1, _LONGEST_PAUSE_MIN), required=True)
@click.option("--reason", required=True, help="For whoever wonders why nothing leaves.")
@json_option
def pause(sender: str, minutes: int, reason: str, as_json: bool) -> None:
    """Nothing leaves from SENDER for so long; in place of the pause in force."""
    with database() as conn:
        rows.pause_anew(conn, sender, kind_of(sender), seconds=minutes * 60, reason=reason)
        made = sender_overview.find(conn, sender)
    show([_shown(made)], as_json=as_json)


@senders.command()
@click.argument("sender", callback=_sender)
@json_option
def resume(sender: str, as_json: bool) -> None:
    """SENDER may send again, and what its pause has put off goes on."""
    with database() as conn:
        if not rows.resume(conn, sender):
            raise click.ClickException(f"{sender} is not paused")
        made = sender_overview.find(conn, sender)
    show([_shown(made)], as_json=as_json)


def _shown(row: Overview) -> dict[str, Any]:
    kind = row.kind or kind_of(row.sender)
    rate = row.segments_per_s
    return {
        "sender": row.sender, "kind": kind, "tenant_id": row.tenant_id, "service_sid": row.service_sid,
        "segments_per_s": default_rate(kind, recipients.of(row.sender).region) if rate is None else rate,
        "rate_from": "kind" if rate is None else "sender", "segments_per_day": row.segments_per_day,
        "texts_waiting": row.texts_waiting, "segments_waiting": row.segments_waiting, "texts_asleep": row.texts_asleep,
        "paused_until": row.paused_until, "pause_reason": row.pause_reason,
        "service_paused_until": row.service_paused_until, "account_paused_until": row.account_paused_until,
    }  # fmt: skip
