"""Recordings as Twilio lists them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from twilio.rest import Client

from shared.errors import Permanent

_PAGE: Final = 1000  # Twilio's largest page


# What goes into an address of Twilio's is this and nothing else, whatever a webhook has called a RecordingSid.
_SID: Final = re.compile(r"RE[0-9a-fA-F]{32}\Z")


@dataclass(frozen=True, slots=True)
class ListedRecording:
    """One recording by Twilio's word. `duration_s` is None until it is over."""

    recording_sid: str
    account_sid: str
    call_sid: str
    status: str
    duration_s: int | None
    channels: int | None
    source: str | None
    created_at: datetime


def check_sid(recording_sid: str) -> None:
    """Raises Permanent for what is no RecordingSid."""
    if not _SID.match(recording_sid):
        raise Permanent("not a RecordingSid")


def listed(sdk: Client, account_sid: str, since: datetime) -> Iterator[ListedRecording]:
    """Those created since then, from all pages. Twilio's own filter knows days only."""
    page = sdk.recordings.stream(date_created_after=since.replace(hour=0, minute=0, second=0), page_size=_PAGE)
    for found in page:
        recording = listed_of(found, account_sid)
        if recording.created_at >= since:
            yield recording


def listed_of(found: Any, account_sid: str) -> ListedRecording:
    """From the SDK's instance. Twilio says -1 for the length of what is not over."""
    length = str(found.duration or "")
    return ListedRecording(
        recording_sid=str(found.sid),
        account_sid=account_sid,
        call_sid=found.call_sid or "",
        status=str(found.status or ""),
        duration_s=int(length) if length.isascii() and length.isdigit() else None,
        channels=found.channels if found.channels in (1, 2) else None,
        source=found.source and str(found.source),
        created_at=found.date_created,
    )
