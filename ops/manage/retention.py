"""Retention classes and legal holds of recordings."""

import getpass
from typing import Any

import click
from psycopg import Connection

from ops.manage.context import database, json_option, settings, show
from shared.db import audit, calls, recording_deletions, recording_holds, recordings
from shared.db import retention as rows
from shared.db.recording_holds import Hold, Subject
from shared.domain.retention import LONGEST_DAYS, Policy, is_class
from shared.errors import OnHold
from workers import recording_release
from workers import retention as work

tenant_option = click.option("--tenant", default=rows.EVERYBODY, help="Whose; without: everybody without a row.")


class _Days(click.ParamType):
    """A number of days, or `keep`."""

    name = "DAYS|keep"

    def __init__(self, least: int) -> None:
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """None for keep."""
        if value == "keep":
            return None
        if not str(value).isdecimal() or not self.least <= int(value) <= LONGEST_DAYS:
            self.fail(f"must be {self.least} to {LONGEST_DAYS}, or keep", param, ctx)
        return int(value)


@click.group()
def retention() -> None:
    """How long recordings are kept, here and at Twilio."""


@retention.command(name="list")
@click.option("--tenant", help="Only of this tenant.")
@json_option
def list_(tenant: str | None, as_json: bool) -> None:
    """All classes that were set. What has none goes by the settings."""
    with database() as conn:
        found = rows.page(conn, tenant_id=tenant)
    names = ("keep_days", "twilio_days", "changed_by", "changed_at")
    show(
        [
            {"tenant": row.tenant_id, "class": row.class_} | {name: getattr(row, name) for name in names}
            for row in found
        ],
        as_json=as_json,
    )


@retention.command(name="set")
@click.argument("class_", metavar="CLASS")
@click.option("--keep", "keep_days", type=_Days(1), required=True, help="Days, or keep.")
@click.option("--twilio", "twilio_days", type=_Days(0), required=True, help="Days at Twilio once it is here, or keep.")
@tenant_option
def set_(class_: str, keep_days: int | None, twilio_days: int | None, tenant: str) -> None:
    """Recordings of CLASS are kept so long; in force at once, for what is stored already too."""
    if not is_class(class_):
        raise click.BadParameter("a class is a-z, 0-9 and -, from a letter on, at most 40 characters")
    with database() as conn:
        rows.put(conn, tenant, class_, Policy(keep_days, twilio_days), changed_by=_me())
        detail = {"keep_days": keep_days, "twilio_days": twilio_days}
        audit.note(conn, "retention.changed", actor=_me(), subject=class_, tenant_id=tenant or None, detail=detail)
    click.echo(f"{class_} of {tenant or 'everybody'} is set")


@retention.command()
@click.argument("class_", metavar="CLASS")
@tenant_option
def unset(class_: str, tenant: str) -> None:
    """CLASS is as everybody's again, or as the settings have it."""
    with database() as conn:
        if not rows.remove(conn, tenant, class_):
            raise click.ClickException(f"{tenant or 'everybody'} has no class {class_}")
        audit.note(
            conn, "retention.changed", actor=_me(), subject=class_, tenant_id=tenant or None, detail={"removed": True}
        )
    click.echo(f"{class_} of {tenant or 'everybody'} is unset")


@retention.command()
@click.option("--dry-run", is_flag=True, help="Only list what would go, and why.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="At most so many of each."
)
@json_option
def run(dry_run: bool, limit: int, as_json: bool) -> None:
    """One round of the sweep, which otherwise comes every hour: workers do what it asks for."""
    chosen = settings()
    with database() as conn:
        old, due = work.would_go(conn, chosen, limit=limit)
        asked = {one.recording_sid for one in old}
        due = [one for one in due if one.recording_sid not in asked]
        if not dry_run:
            for one in old:
                _ask(conn, one)
            for one in due:
                recording_release.promise(conn, one.recording_sid)
    show([_why("delete", one) for one in old] + [_why("delete at Twilio", one) for one in due], as_json=as_json)


@click.group()
def holds() -> None:
    """Legal holds: what must not be deleted, by nobody."""


@holds.command(name="list")
@click.option("--tenant", help="Only of this tenant.")
@click.option("--lifted", is_flag=True, help="Those that were lifted too.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@json_option
def list_holds(tenant: str | None, lifted: bool, limit: int, as_json: bool) -> None:
    """The newest holds."""
    with database() as conn:
        found = recording_holds.page(conn, limit=limit, tenant=tenant, is_lifted_too=lifted)
    show([_shown(row) for row in found], as_json=as_json)


@holds.command()
@click.option("--recording", help="A RecordingSid.")
@click.option("--call", help="A CallSid: of all recordings of the call and its legs.")
@click.option("--tenant", help="Of all recordings of a tenant.")
@click.option("--reason", required=True, help="Kept with it.")
@json_option
def place(recording: str | None, call: str | None, tenant: str | None, reason: str, as_json: bool) -> None:
    """Nothing of it is deleted from now on."""
    named: list[tuple[Subject, str | None]] = [("recording_sid", recording), ("call_sid", call), ("tenant_id", tenant)]
    given: list[tuple[Subject, str]] = [(subject, value) for subject, value in named if value]
    if len(given) != 1 or not 1 <= len(reason) <= 500:
        raise click.UsageError("say one of --recording, --call and --tenant, and a reason of at most 500 characters")
    ((subject, value),) = given
    with database() as conn:
        if not _is_known(conn, subject, value):
            raise click.ClickException(f"nothing is known of {value}: a hold on it would hold nothing")
        made = recording_holds.place(conn, subject, value, reason=reason, placed_by=_me())
        detail = {"hold_id": str(made.id), "reason": reason}
        audit.note(conn, "recording.held", actor=_me(), subject=value, tenant_id=made.tenant, detail=detail)
    show([_shown(made)], as_json=as_json)


@holds.command()
@click.argument("hold_id")
def lift(hold_id: str) -> None:
    """The hold with this id does not count any more."""
    with database() as conn:
        before = recording_holds.find(conn, hold_id)
        if before is None or before.lifted_at is not None:
            raise click.ClickException(f"no hold {hold_id} in force")
        recording_holds.lift(conn, hold_id, lifted_by=_me())
        subject = before.recording_sid or before.call_sid or before.tenant_id or ""
        audit.note(
            conn, "recording.hold_lifted", actor=_me(), subject=subject, tenant_id=before.tenant,
            detail={"hold_id": hold_id},
        )  # fmt: skip
    click.echo(f"{hold_id} is lifted")


def _is_known(conn: Connection, subject: Subject, value: str) -> bool:
    """Of tenants there is no list. A call is held by its CallSid, not by our id."""
    if subject == "recording_sid":
        return recordings.find(conn, value) is not None
    call = calls.find(conn, value) if subject == "call_sid" else None
    return subject == "tenant_id" or (call is not None and call.call_sid == value)


def _me() -> str:
    return f"cli:{getpass.getuser()}"


def _ask(conn: Any, due: rows.Due) -> None:
    try:
        recording_deletions.ask(
            conn, due.recording_sid, reason="retention", asked_by=_me(), note=f"{due.class_}: {due.days} days"
        )
    except OnHold:
        click.echo(f"{due.recording_sid} is held", err=True)


def _why(what: str, due: rows.Due) -> dict[str, Any]:
    return {
        "recording": due.recording_sid, "what": what, "tenant": due.tenant_id, "class": due.class_, "days": due.days,
        "since": due.since,
    }  # fmt: skip


def _shown(row: Hold) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Hold.__slots__ if name != "tenant"}
