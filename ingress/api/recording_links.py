"""Links to the sound: whoever has one may hear the recording until it ends, seconds later."""

from datetime import UTC, datetime
from threading import BoundedSemaphore
from typing import Final

from flask import Response

from ingress.api import media, recording_audit
from ingress.api.media import Plan
from ingress.api.reading import missing
from ingress.problem import Problem
from shared.db import recording_overview
from shared.runtime import Runtime
from shared.store import open_store
from shared.store.disk import DiskStore

# The address is the secret: no cache keeps it and no page is told where its visitor came from.
_DISCREET: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def redirect(rt: Runtime, plan: Plan) -> Response:
    """307 to a link of the store."""
    link = open_store(rt.settings).link(
        plan.row.object_key or "",
        expires_s=rt.settings.recording_link_s,
        filename=plan.filename,
        content_type=plan.content_type,
    )
    return Response(status=307, headers={"Location": link, **_DISCREET})


def show(rt: Runtime, seats: BoundedSemaphore, token: str) -> Response:
    """The sound that a link of our own names. Raises Problem 404 for one that is not ours, or has ended."""
    key = _key_of(rt, token)
    if key is None:
        raise missing("link")
    with rt.db.connection() as conn:
        row = recording_overview.by_key(conn, key)
        if row is None:
            raise missing("link")
        plan = media.planned(row, by_link=False, as_file=True)
        told = {"refused": plan.slug} if isinstance(plan, Problem) else plan.told()
        recording_audit.note(conn, "recording.heard", "link", row, None, told)
    if isinstance(plan, Problem):
        raise plan
    response = media.answer(rt, seats, plan)
    response.headers.update(_DISCREET)
    return response


def _key_of(rt: Runtime, token: str) -> str | None:
    """Links of S3 lead to S3: only a disk has such."""
    store = open_store(rt.settings)
    opened = store.open_link(token, datetime.now(UTC)) if isinstance(store, DiskStore) else None
    return opened.key if opened else None
