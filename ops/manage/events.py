"""Stored events through the current code: what would be decided differently, and, if asked, what is missing redone."""

import json
import re
import sys
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, get_args

import click
import psycopg

from ingress.desk import door_of
from ops.manage.context import database, json_option, show
from shared import log
from shared.db.freshness import FRESH_FOR
from shared.db.shadow import Range
from shared.domain import event_keys
from shared.domain.event import Event
from shared.version import VERSION
from workers import shadow
from workers.amend import amend
from workers.shadow_diff import Difference

_AGO: Final = re.compile(r"(\d{1,6})([smhd])\Z")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Moment(click.ParamType[datetime]):
    """A time in ISO 8601 (without a zone: UTC), or how long ago: 90s, 30m, 2h, 7d."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            if ago := _AGO.match(value):
                return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            moment = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail("write 2026-01-31T14:00Z, or how long ago: 90s, 30m, 2h, 7d", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass
class _Report:
    """What is said at the end. `same` counts events whose whole family is as it would be."""

    examined: int = 0
    same: int = 0
    differing: list[dict[str, str | None]] = field(default_factory=list)
    applied: list[dict[str, str | None]] = field(default_factory=list)
    skipped: list[dict[str, str | None]] = field(default_factory=list)
    left: int = 0


@click.group()
def events() -> None:
    """What was posted, as it was stored."""


@events.command(name="replay")
@click.option("--since", type=_Moment(), help="From this time on: ISO 8601, or how long ago (30m, 2h, 7d).")
@click.option("--until", type=_Moment(), help="Before this time; without: now.")
@click.option("--kind", type=click.Choice(get_args(event_keys.Kind)), help="Only events of this kind.")
@click.option("--sid", help="Only what speaks of this call, message or recording.")
@click.option("--key", help="Only the event with this key.")
@click.option("--apply", "is_apply", is_flag=True, help="Redo what is missing; change nothing that is there.")
@click.option("--even-stale", is_flag=True, help="With --apply: also what texts a customer about something long past.")
@json_option
def replay(
    since: datetime | None, until: datetime | None, kind: str | None, sid: str | None, key: str | None, is_apply: bool,
    even_stale: bool, as_json: bool,
) -> None:  # fmt: skip
    """What would the current code make of the events of a time?

    Runs them, with the whole history of the calls and messages they belong to, in tables of their own, and shows where
    our real ones say something else. Nothing is sent, nothing is kept. Exit code: 0 all the same, 1 something differs (with
    --apply: differs still), or nothing is known of the --sid or --key.
    """
    if since is None and sid is None and key is None:
        raise click.UsageError("say which: --since, --sid or --key")
    wanted = Range(since=since or _BEGINNING, until=until or datetime.now(UTC), kind=kind, sid=sid, key=key)
    if wanted.since >= wanted.until:
        raise click.UsageError("nothing can lie there: --since must be before --until, and before now")
    # The log of a tool goes to stderr: stdout is its answer.
    log.configure(service="cli", version=VERSION, out=sys.stderr)
    try:
        report = _run(wanted, fresh_for=None if even_stale else FRESH_FOR, is_apply=is_apply)
    except psycopg.errors.InsufficientPrivilege as fault:
        raise click.ClickException(f"{fault}\nA shadow needs CREATE on the database, as migrations do") from fault
    _tell(report, is_apply=is_apply, as_json=as_json)
    is_unknown = report.examined == 0 and (sid or key) is not None
    if is_unknown:
        click.echo("no such event is stored: see `inbox list` and `inbox aside list`", err=True)
    if report.left or is_unknown:
        raise SystemExit(1)


def _run(wanted: Range, *, fresh_for: timedelta | None, is_apply: bool) -> _Report:
    report, cursor = _Report(), None
    with database(autocommit=True) as looking, database(autocommit=True) as mending:
        look = partial(shadow.one, looking, wanted, _named_now)
        while batch := look(after=cursor):
            report.examined += batch.examined
            report.same += batch.examined - batch.differing_events
            report.differing += _told(batch.differences)
            left = batch.differences
            if is_apply and left:
                result = amend(mending, batch, partial(look, after=cursor), _named_now, fresh_for=fresh_for)
                report.applied += _told(result.done)
                report.skipped += _told(result.skipped)
                left = result.left
            report.left += len(left)
            cursor = batch.cursor
            click.echo(f"{report.examined:,} events examined, {len(report.differing):,} differences", err=True)
    return report


def _named_now(event: Event) -> Event:
    """With the kind that the current code would give it; its door is read from its path, as when it came in."""
    door = door_of(event.path)
    if door is None:
        return event
    return replace(event, kind=event_keys.name(event.params, door, event.path, event.token, event.query).kind)


def _told(differences: list[Difference]) -> list[dict[str, str | None]]:
    return [difference.told() for difference in differences]


def _tell(report: _Report, *, is_apply: bool, as_json: bool) -> None:
    if as_json:
        shown = asdict(report)
        click.echo(
            json.dumps(shown if is_apply else {n: shown[n] for n in ("examined", "same", "differing")}, indent=2)
        )
        return
    click.echo(f"{report.examined} examined, {report.same} the same, {len(report.differing)} differences")
    for title, rows in (("", report.differing), ("applied:", report.applied), ("skipped, too late:", report.skipped)):
        if rows:
            click.echo(title)
            show(rows, as_json=False)
    if report.skipped:
        click.echo("skipped because a customer would be texted about something long past; --even-stale does it")
    if is_apply:
        click.echo(f"{len(report.applied)} applied, {report.left} left")
