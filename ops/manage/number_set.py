"""`numbers set`: the routing of a number from a file, from options, or from both."""

import json
import re
from pathlib import Path
from typing import Any, Final, get_args

import click

from ops.manage.context import database, e164
from ops.manage.number_changes import checked, write
from shared.db import numbers as rows
from shared.domain.hours import DAYS
from shared.domain.routing import Number, Screening, document
from shared.number_document import LONGEST_GREETING, LONGEST_NOTE

_HOURS: Final = re.compile(r"([a-z]{3})(?:-([a-z]{3}))?=([0-9:]+)-([0-9:]+)\Z")


def _speakable(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and len(value) > LONGEST_GREETING:
        raise click.BadParameter(f"must have {LONGEST_GREETING} characters at the most")
    return value


def _short(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not 1 <= len(value) <= LONGEST_NOTE:
        raise click.BadParameter(f"must have 1 to {LONGEST_NOTE} characters")
    return value


def _spans(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, list[list[str]]]:
    """`mon-fri=08:00-17:00` as the document has it; whether the times can be meant is checked with the whole."""
    week: dict[str, list[list[str]]] = {}
    for value in values:
        found = _HOURS.match(value)
        first, last = (found[1], found[2] or found[1]) if found else ("", "")
        if found is None or first not in DAYS or last not in DAYS or DAYS.index(last) < DAYS.index(first):
            raise click.BadParameter("must be like mon-fri=08:00-17:00, or sat=09:00-12:00")
        for day in DAYS[DAYS.index(first) : DAYS.index(last) + 1]:
            week.setdefault(day, []).append([found[3], found[4]])
    return week


note_option = click.option("--note", callback=_short, help="Why, for whoever reads the history.")


@click.command(name="set")
@click.argument("phone_number", callback=e164)
@click.option("--tenant", help="Whose number it is; may be left out of a number that has an owner.")
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A routing, or what `numbers show --json` says; options go on top of it.",
)
@click.option("--keep", is_flag=True, help="Start from what is in force, not from the defaults.")
@click.option(
    "--forward-to",
    multiple=True,
    help="Whom to ring: a phone, sip:… or client:…; several one after the other. Without: voicemail at once.",
)
@click.option("--at-once", is_flag=True, help="Ring all of them at once.")
@click.option("--ring", "ring_s", type=click.IntRange(5, 600), help="Seconds for each; 20 if nothing is said.")
@click.option("--fallback-to", help="Whom to ring when none of them took the call.")
@click.option(
    "--screening", type=click.Choice(get_args(Screening)), help="How a person is told from a carrier's voicemail."
)
@click.option("--zone", help="The time zone of --hours, like America/Los_Angeles.")
@click.option(
    "--hours", "week", multiple=True, callback=_spans, help="Like mon-fri=08:00-17:00; several. Without: always."
)
@click.option("--us-holidays", type=click.Choice(["open", "closed"]), help="Federal holidays; open if nothing is said.")
@click.option("--closed-on", multiple=True, help="A day like 2026-12-24; several.")
@click.option("--emergency-to", help="Whom a caller can reach by pressing 1 while closed.")
@click.option("--record/--no-record", default=None, help="Record calls, with a notice before.")
@click.option("--voicemail/--no-voicemail", default=None, help="After a call nobody took; yes if nothing is said.")
@click.option("--greeting", callback=_speakable, help="What the voicemail says.")
@click.option("--closed-greeting", callback=_speakable, help="What it says while closed.")
@click.option("--language", help="Of all that is said, like en-US.")
@click.option("--if-version", type=click.IntRange(0), help="Only if it is at this version still (0: not there yet).")
@note_option
def set_(
    phone_number: str,
    tenant: str | None,
    file: Path | None,
    keep: bool,
    if_version: int | None,
    note: str | None,
    **options: Any,
) -> None:
    """Write how calls to PHONE_NUMBER are handled; in effect within seconds.

    It is the whole of it: what neither the file nor an option says is as by default, unless --keep is given.
    """  # fmt: skip
    if file and keep:
        raise click.UsageError("--file and --keep both say where to start")
    with database() as conn:
        before = rows.find(conn, phone_number)
        tenant = tenant or (before.tenant_id if before else None)
        if tenant is None:
            raise click.UsageError("Missing option '--tenant': nobody knows whose number it is")
        start = _file(file) if file else document(before.routing) if keep and before else {}
        routing = checked(_with(start, options), phone_number)
        version = write(conn, Number(phone_number, tenant, routing), note=note, expected_version=if_version)
    phones = ", ".join(target.to for target in routing.targets)
    click.echo(f"{phone_number} {'forwards to ' + phones if phones else 'answers with voicemail'} (version {version})")


def _file(path: Path) -> Any:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise click.ClickException(f"{path} cannot be read as JSON: {fault}") from None
    return said["routing"] if isinstance(said, dict) and "routing" in said else said


def _with(start: Any, options: dict[str, Any]) -> Any:
    """The document that is started from, with the options said on top."""
    if not isinstance(start, dict):
        return start
    said = {name: options[name] for name in ("ring_s", "fallback_to", "screening", "voicemail", "greeting",
                                             "closed_greeting", "language") if options[name] is not None}  # fmt: skip
    if options["forward_to"]:
        said["targets"] = [{"to": to} for to in options["forward_to"]]
        said["strategy"] = "at_once" if options["at_once"] else "sequence"
    if options["emergency_to"]:
        said["emergency"] = {"to": options["emergency_to"]}
    if options["record"] is not None:
        said["recording"] = {**(start.get("recording") or {}), "mode": "on" if options["record"] else "off"}
    if hours := _hours(start.get("hours"), options):
        said["hours"] = hours
    return {**start, **said}


def _hours(start: Any, options: dict[str, Any]) -> dict[str, Any] | None:
    given = {"zone": options["zone"], "week": options["week"], "us_holidays": options["us_holidays"],
             "closed_on": list(options["closed_on"])}  # fmt: skip
    said = {name: value for name, value in given.items() if value}
    return {**(start if isinstance(start, dict) else {}), **said} if said else None
