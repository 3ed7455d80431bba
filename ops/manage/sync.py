"""Telling Twilio where our numbers' calls and texts go, and saying what would keep them from coming."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import click

from ops.manage.context import database, json_option, settings
from shared.db import numbers as rows
from shared.domain.number_urls import number_urls
from shared.domain.urls import Urls
from shared.errors import Permanent, Transient
from shared.settings import Settings
from shared.twilio.client import OwnedNumber, TwilioClient

_WHAT_TO_DO: Final = {
    "credentials_401": "Twilio refuses the credentials: check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN",
    "credentials_403": "Twilio refuses this to the credentials: use the account's auth token",
    "throttled": "Twilio takes no more requests now: run this again in a minute",
    "twilio_unreachable": "Twilio cannot be reached from here: check the network, then run this again",
}
_OVERRIDDEN: Final = {
    "voice_application_sid": "its voice addresses and status callback are not used: clear its VoiceApplicationSid",
    "sms_application_sid": "its SMS addresses are not used: clear its SmsApplicationSid",
    "trunk_sid": "its voice addresses are not used: take it out of its SIP trunk",
}


@dataclass
class _Report:
    """What is true at the end, or with --dry-run what would be."""

    changed: list[dict[str, object]] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unknown_at_twilio: list[str] = field(default_factory=list)
    unknown_to_us: list[str] = field(default_factory=list)


@click.command()
@click.argument("phone_numbers", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Change nothing; exit 1 if something would change.")
@json_option
def sync(phone_numbers: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Set at Twilio where calls and texts to our numbers go (all of them, or PHONE_NUMBERS).

    The addresses are TS_PUBLIC_URL's, with retries and time limits asked for; the fallback addresses are TS_FALLBACK_URL's.
    A number's status callback reports only the end of a call. Exit code: 0 all is set, 1 something is not.
    """
    given = settings()
    _check_reachable(given)
    with database() as conn:
        ours = {number.phone_number for number in rows.every(conn)}
    if strangers := sorted(set(phone_numbers) - ours):
        raise click.ClickException(f"not ours: {', '.join(strangers)} (tell us by `numbers set` first)")
    try:
        report = _sync(TwilioClient(given), _wanted(given), ours, set(phone_numbers) or ours, dry_run=dry_run)
    except (Transient, Permanent) as fault:
        raise click.ClickException(_explained(fault.reason)) from fault
    _tell(report, dry_run=dry_run, as_json=as_json)
    if report.failed or report.unknown_at_twilio or (dry_run and report.changed):
        raise SystemExit(1)


def _check_reachable(given: Settings) -> None:
    """The real Twilio cannot call this machine by its own names for itself."""
    for url in () if given.twilio_api_url else (given.public_url, given.fallback_url or given.public_url):
        host = urlsplit(url).hostname or ""
        try:
            is_local = not ip_address(host).is_global
        except ValueError:
            is_local = "." not in host
        if is_local:
            raise click.ClickException(f"Twilio cannot reach {url}: set TS_PUBLIC_URL to our address as Twilio sees it")


def _wanted(given: Settings) -> Mapping[str, str]:
    return number_urls(Urls(given.public_url), Urls(given.fallback_url or given.public_url))


def _sync(
    twilio: TwilioClient, wanted: Mapping[str, str], ours: set[str], chosen: set[str], *, dry_run: bool
) -> _Report:
    report = _Report()
    owned = {number.phone_number: number for number in twilio.owned_numbers(wanted)}
    in_services = _in_services(twilio, report)
    report.unknown_at_twilio = sorted(chosen - owned.keys())
    report.unknown_to_us = sorted(owned.keys() - ours)
    for phone_number in sorted(chosen & owned.keys()):
        number = owned[phone_number]
        _warn(report, number, in_services)
        changes = {name: url for name, url in wanted.items() if number.settings[name] != url}
        if not changes:
            report.unchanged.append(phone_number)
        elif dry_run or _set(twilio, number, changes, report):
            difference = {name: {"was": number.settings[name], "now": url} for name, url in changes.items()}
            report.changed.append({"phone_number": phone_number, "sid": number.sid, "settings": difference})
    return report


def _in_services(twilio: TwilioClient, report: _Report) -> Mapping[str, str]:
    """The addresses matter more than this warning: credentials that may not ask for it do not stop the command."""
    try:
        return twilio.numbers_in_services()
    except (Transient, Permanent) as fault:
        report.warnings.append(
            f"Messaging Services could not be read ({fault.reason}): a number in one may use its address"
        )
        return {}


def _warn(report: _Report, number: OwnedNumber, in_services: Mapping[str, str]) -> None:
    for name, sid in number.overrides.items():
        report.warnings.append(f"{number.phone_number} has {sid}: {_OVERRIDDEN[name]}")
    if service := in_services.get(number.sid):
        report.warnings.append(
            f"{number.phone_number} is in Messaging Service {service}: its texts go to the service's address. Take it out, "
            'or choose "Defer to sender\'s webhook" in the service'
        )


def _set(twilio: TwilioClient, number: OwnedNumber, changes: Mapping[str, str], report: _Report) -> bool:
    """One number that fails does not keep the others from being set."""
    try:
        after = twilio.set_number(number.sid, changes)
    except (Transient, Permanent) as fault:
        report.failed.append(f"{number.phone_number}: {_explained(fault.reason)}")
        return False
    if kept := [name for name, url in changes.items() if after.settings[name] != url]:
        report.failed.append(f"{number.phone_number}: Twilio kept its own {', '.join(kept)}: look at it in the console")
    return not kept


def _explained(reason: str) -> str:
    return _WHAT_TO_DO.get(reason, f"Twilio did not do it ({reason}): what was set stays set, run this again")


def _tell(report: _Report, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
        return
    for change in report.changed:
        click.echo(f"{change['phone_number']} {'would be changed' if dry_run else 'changed'}")
        for name, step in change["settings"].items():  # type: ignore[attr-defined]
            click.echo(f"  {name}: {step['was'] or '(none)'} -> {step['now']}")
    for title, numbers in (
        ("as it should be", report.unchanged),
        ("ours, but not at Twilio", report.unknown_at_twilio),
        ("at Twilio, but not ours (`numbers set` makes it ours)", report.unknown_to_us),
    ):
        for phone_number in numbers:
            click.echo(f"{phone_number} is {title}")
    for text in (*(f"warning: {text}" for text in report.warnings), *(f"failed: {text}" for text in report.failed)):
        click.echo(text, err=True)
