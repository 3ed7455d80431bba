"""Under which key a recording is stored: whose, of which day, and which; nothing personal."""

import hashlib
import re
from datetime import UTC, datetime
from typing import Final

PREFIX: Final = "recordings/"
# What may stand in a key as it is. Other tenants' names are hashed: a key must not break out of its folder.
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
_NOBODY: Final = "_"  # no tenant's name: those begin with a letter or digit
_SID: Final = re.compile(r"RE[0-9a-fA-F]{32}\Z")


def object_key(tenant_id: str | None, at: datetime, recording_sid: str, *, copy: int, suffix: str) -> str:
    """`recordings/<tenant>/<yyyy>/<mm>/<dd>/<RE…>.<suffix>`, the day in UTC; a second copy is `<RE…>.2.<suffix>`.

    Raises ValueError for a SID that is none.
    """
    folder = f"{PREFIX}{_folder(tenant_id)}/{at.astimezone(UTC):%Y/%m/%d}"
    return f"{folder}/{_name(recording_sid, copy, suffix)}"


def copy_key(object_key: str, recording_sid: str, *, copy: int, suffix: str) -> str:
    """The key of another copy, in the same folder: whose a recording is may have become known since the first one."""
    return f"{object_key.rpartition('/')[0]}/{_name(recording_sid, copy, suffix)}"


def _name(recording_sid: str, copy: int, suffix: str) -> str:
    if not _SID.match(recording_sid):
        raise ValueError("not a RecordingSid")
    number = "" if copy == 1 else f".{copy}"
    return f"{recording_sid}{number}.{suffix}"


def prefix(object_key: str, recording_sid: str) -> str:
    """How the keys of all its copies begin, and none of another recording's: SIDs are of one length."""
    return f"{object_key.rpartition('/')[0]}/{recording_sid}."


def _folder(tenant_id: str | None) -> str:
    if not tenant_id:
        return _NOBODY
    return tenant_id if _PLAIN.match(tenant_id) else hashlib.sha256(tenant_id.encode()).hexdigest()[:32]
