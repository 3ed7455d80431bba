"""What was said in recordings and calls, for whoever has to look; every look is audited."""

import getpass
from dataclasses import asdict
from typing import Any

import click

from ops.manage.context import database, json_option, show
from ops.manage.records import show_one
from shared.db import audit, transcription_overview, transcriptions
from shared.db.transcription_overview import HIT, HIT_END, TranscriptionOverview
from shared.domain.redaction import redact


def _is_purpose(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not value.strip() or len(value) > 200 or not value.isprintable():
        raise click.BadParameter("must be up to 200 printable characters")
    return value


purpose_option = click.option("--purpose", required=True, callback=_is_purpose, help="What it is for: it is audited.")


def _actor() -> str:
    return f"cli:{getpass.getuser()}"


@click.group()
def transcripts() -> None:
    """What was said in recordings and calls."""


@transcripts.command()
@click.argument("q", metavar="WORDS")
@click.option("--tenant", help="Only of this tenant.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True)
@purpose_option
@json_option
def search(q: str, tenant: str | None, limit: int, purpose: str, as_json: bool) -> None:
    """Where WORDS were said, the newest first: words, "a phrase", or, -without."""
    with database() as conn:
        found = transcription_overview.search(conn, {"q": q, "tenant_id": tenant}, limit=limit, after=None)
        detail = {"q": redact(q)[0], "transcriptions": [row.transcription_sid for row in found]}
        audit.note(conn, "transcript.searched", actor=_actor(), subject="transcriptions", tenant_id=tenant,
                   purpose=purpose, detail=detail)  # fmt: skip
    show([_line(row) for row in found], as_json=as_json)


def _line(row: TranscriptionOverview) -> dict[str, Any]:
    names = ("transcription_sid", "recording_sid", "call_sid", "tenant_id", "started_at")
    excerpt = row.excerpt.replace(HIT, "*").replace(HIT_END, "*")
    return {name: getattr(row, name) for name in names} | {"excerpt": excerpt}


@transcripts.command(name="show")
@click.argument("sid")
@purpose_option
@json_option
def show_(sid: str, purpose: str, as_json: bool) -> None:
    """What was said: by the SID of the transcription or of its recording."""
    with database() as conn:
        found = transcription_overview.find(conn, sid)
        if found is None:
            raise click.ClickException(f"no transcription {sid}")
        if transcriptions.is_to_go(conn, recording_sid=found.recording_sid or "", call_sid=found.call_sid):
            raise click.ClickException("the deletion of its recording was asked for")
        subject, detail = found.recording_sid or sid, {"transcriptions": [found.transcription_sid]}
        audit.note(conn, "transcript.read", actor=_actor(), subject=subject, tenant_id=found.tenant_id,
                   purpose=purpose, detail=detail)  # fmt: skip
    told = asdict(found)
    told.pop("excerpt")
    show_one(told, as_json=as_json)
