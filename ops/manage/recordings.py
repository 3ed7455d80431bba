"""Recordings, for whoever has to prove where they are: seen, taken out, fetched again, read back, compared with Twilio."""

import getpass
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, get_args

import click

from ops.manage.context import database, json_option, settings, show
from ops.manage.records import show_one
from shared import log
from shared.db import audit, recording_checks, recording_damage
from shared.db import recordings as rows
from shared.db.recordings import Recording, State
from shared.errors import Damaged, TwilioServerError
from shared.store import open_store
from shared.store.verified import verified
from shared.twilio.client import TwilioClient
from shared.version import VERSION
from workers import recording_audit

_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})([hd])\Z")


@click.group()
def recordings() -> None:
    """Recordings: where each is, and whether it is whole."""
    log.configure(service="cli", version=VERSION, out=sys.stderr)  # stdout is the answer


def _actor() -> str:
    return f"cli:{getpass.getuser()}"


@contextmanager
def _outcomes() -> Iterator[None]:
    try:
        yield
    except TwilioServerError as fault:
        raise click.ClickException(f"{fault.reason}: nothing is lost, run it again") from fault


def _span(_context: click.Context, _parameter: click.Parameter, value: str) -> timedelta:
    found = _SPAN.match(value)
    if not found:
        raise click.BadParameter("must be hours or days, like 48h or 7d")
    return timedelta(hours=int(found[1]) * (24 if found[2] == "d" else 1))


@recordings.command(name="list")
@click.option("--state", type=click.Choice(get_args(State)))
@click.option("--tenant", help="Only of this tenant.")
@click.option("--call", help="Only of this CallSid.")
@click.option("--damaged", is_flag=True, help="Only what was found damaged.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def list_(state: str | None, tenant: str | None, call: str | None, damaged: bool, limit: int, as_json: bool) -> None:
    """Recordings, the newest first."""
    with database() as conn:
        found = recording_checks.listed(
            conn, state=state, tenant_id=tenant, call_sid=call, is_damaged=damaged, limit=limit
        )
    show(found, as_json=as_json)


@recordings.command(name="show")
@click.argument("sid")
@json_option
def show_(sid: str, as_json: bool) -> None:
    """All that is known of the custody of the recording SID."""
    with database() as conn:
        recording = rows.find(conn, sid)
        if recording is None:
            raise click.ClickException(f"no recording {sid}")
        facts: dict[str, Any] = asdict(recording) | {"tenant_id": rows.tenant_of(conn, sid)}
        facts |= {"sha256": recording.sha256 and recording.sha256.hex(), "blocks": len(recording.blocks or b"") // 32}
        facts |= recording_checks.custody(conn, sid)
        facts["audit"] = [asdict(entry) for entry in audit.of_subject(conn, sid)]
    show_one(facts, as_json=as_json)


@recordings.command()
@click.argument("sid")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A new file.")
@click.option("--purpose", required=True, help="What it is for: it is audited.")
@json_option
def get(sid: str, output: Path, purpose: str, as_json: bool) -> None:
    """Write the sound of the recording SID to a new file, checked block by block. Nothing is left of what is damaged."""
    if not purpose.strip() or len(purpose) > 200 or not purpose.isprintable():
        raise click.BadParameter("must be up to 200 printable characters", param_hint="--purpose")
    chosen = settings()
    with database() as conn:
        recording = _to_hear(rows.find(conn, sid), is_to_go=rows.is_to_go(conn, sid))
        audit.note(conn, "recording.heard", actor=_actor(), subject=sid, tenant_id=rows.tenant_of(conn, sid),
                   purpose=purpose, detail={"way": "cli", "part": "whole"})  # fmt: skip
    with _outcomes():
        size = _write(open_store(chosen), recording, output)
    show([{"recording_sid": sid, "file": str(output), "size_bytes": size}], as_json=as_json)


def _to_hear(recording: Recording | None, *, is_to_go: bool) -> Recording:
    if recording is None:
        raise click.ClickException("no such recording")
    if is_to_go or recording.state not in ("stored", "provider-deleted"):
        raise click.ClickException("its deletion was asked for" if is_to_go else f"not here: it is {recording.state}")
    if recording.damage is not None:
        raise click.ClickException(f"what is stored is damaged ({recording.damage}): see `recordings refetch`")
    return recording


def _write(store: Any, recording: Recording, output: Path) -> int:
    """Bytes written. The file appears once it is whole, and never in another's place."""
    sound, key = recording_checks.sound_of(recording), recording.object_key or ""
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            pieces = verified(lambda start, stop: store.read(key, start, stop), sound, 0, sound.size_bytes)
            try:
                for piece in pieces:
                    file.write(piece)
            finally:
                pieces.close()
        os.link(part, output)
    except Damaged as fault:
        with database() as conn:
            recording_damage.mark(conn, recording.recording_sid, fault.reason, object_key=key)
        raise click.ClickException(f"what is stored is damaged ({fault.reason}): it is marked as such") from fault
    except OSError as fault:
        raise click.ClickException(f"{output}: {fault.strerror}") from fault
    finally:
        part.unlink(missing_ok=True)
    return sound.size_bytes


@recordings.command()
@click.argument("sids", nargs=-1)
@click.option("--failed", is_flag=True, help="All that could not be had.")
@click.option("--damaged", is_flag=True, help="All that is damaged here and still at Twilio.")
@json_option
def refetch(sids: tuple[str, ...], failed: bool, damaged: bool, as_json: bool) -> None:
    """Have recordings fetched from Twilio once more. What is stored whole is left as it is."""
    if not (sids or failed or damaged):
        raise click.UsageError("name recordings, --failed or --damaged")
    with database() as conn:
        chosen = [*sids, *(recording_checks.failed(conn) if failed else ()),
                  *(recording_checks.damaged(conn) if damaged else ())]  # fmt: skip
        if unknown := [sid for sid in chosen if rows.find(conn, sid) is None]:
            raise click.ClickException(f"no recording {unknown[0]}")
        show([_refetched(conn, sid) for sid in dict.fromkeys(chosen)], as_json=as_json)


def _refetched(conn: Any, sid: str) -> dict[str, Any]:
    is_promised = recording_damage.fetch_again(conn, sid)
    if is_promised:
        audit.note(conn, "recording.refetched", actor=_actor(), subject=sid, tenant_id=rows.tenant_of(conn, sid))
    return {"recording_sid": sid, "promised": is_promised}


@recordings.command()
@click.argument("sids", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="Everything that is stored.")
@click.option("--sample", type=click.IntRange(1), help="So many, those not read for longest.")
@click.option("--older-than", type=click.IntRange(0), metavar="DAYS", help="What was not read for so many days.")
@click.option("--rate", type=click.FloatRange(0.01), default=50.0, show_default=True, help="MB a second.")
@click.option("--repair", is_flag=True, help="Have what is damaged fetched again where Twilio still has it.")
@click.option("--strays", is_flag=True, help="Compare the store's list with the recordings instead of reading.")
@json_option
def verify(
    sids: tuple[str, ...], all_: bool, sample: int | None, older_than: int | None, rate: float, repair: bool,
    strays: bool, as_json: bool,
) -> None:  # fmt: skip
    """Read stored recordings back and compare them with what was stored. Exit code 1 when something is damaged."""
    if not (sids or all_ or sample or older_than is not None or strays):
        raise click.UsageError("name recordings, --all, --sample, --older-than or --strays")
    with _outcomes():
        if strays:
            _show_strays(as_json=as_json)
            return
        before = datetime.now(UTC) - timedelta(days=older_than or 0)
        checked = list(
            recording_audit.verify(database, open_store(settings()), actor=_actor(), before=before, sids=sids,
                                   limit=sample, bytes_per_s=rate * 1e6)
        )  # fmt: skip
    bad = [one for one in checked if one.damage is not None]
    repaired = _repaired(bad) if repair else []
    totals = {"checked": len(checked), "bytes": sum(one.size_bytes for one in checked), "damaged": len(bad),
              "kinds": dict(Counter(one.damage for one in bad)), "recordings": {one.recording_sid: one.damage for one in bad},
              "unknown": sorted(set(sids) - {one.recording_sid for one in checked}), "repair": repaired}  # fmt: skip
    show_one(totals, as_json=as_json)
    if bad or totals["unknown"]:
        raise SystemExit(1)


def _repaired(bad: list[recording_audit.Checked]) -> list[str]:
    with database() as conn:
        at_twilio = set(recording_checks.damaged(conn))
        chosen = [one.recording_sid for one in bad if one.recording_sid in at_twilio]
        return [sid for sid in chosen if _refetched(conn, sid)["promised"]]


def _show_strays(*, as_json: bool) -> None:
    unnamed, missing = recording_audit.strays(database, open_store(settings()))
    show_one({"unnamed": unnamed, "missing": missing}, as_json=as_json)
    if unnamed or missing:
        raise SystemExit(1)


@recordings.command()
@click.option("--since", default="48h", show_default=True, callback=_span, help="How far back: hours or days.")
@click.option("--fix/--dry-run", "fix", default=False, help="Do what follows, or only tell (the default).")
@json_option
def reconcile(since: timedelta, fix: bool, as_json: bool) -> None:
    """Compare Twilio's recordings with ours. Exit code 1 when they differ and nothing was done about it."""
    found: list[recording_audit.Found] = []
    round_ = recording_audit.reconcile(
        database, TwilioClient(settings()), since=datetime.now(UTC) - since, actor=_actor(), is_dry=not fix
    )
    try:
        with _outcomes():
            found.extend(round_)
    finally:  # what was done before Twilio broke off is told too
        show([asdict(one) for one in found], as_json=as_json)
    if any(not one.is_new or one.action == "lost" for one in found):
        raise SystemExit(1)
