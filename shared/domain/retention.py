"""How long a recording is kept, here and at Twilio: by its class, as its tenant, everybody or the settings have it."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

VOICEMAIL: Final = "voicemail"
CALL: Final = "call"
# A hundred years: whoever wants more means for ever, and says so by null.
LONGEST_DAYS: Final = 36_500
_CLASS: Final = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")


@dataclass(frozen=True, slots=True)
class Policy:
    """`keep_days` after it began (None: until somebody deletes it), `twilio_days` after it was stored here (None: as long as
    here).
    """

    keep_days: int | None
    twilio_days: int | None


def is_class(name: str) -> bool:
    """Whether a class may be called so."""
    return bool(_CLASS.match(name))


def class_of(by_hand: str | None, source: str | None) -> str:
    """The class of a recording: the one it was given by hand, else by how it was made. `source` is Twilio's word."""
    return by_hand or (VOICEMAIL if source == "RecordVerb" else CALL)


def policy(of_tenant: Policy | None, of_everybody: Policy | None, by_settings: Policy) -> Policy:
    """What counts for a class: its tenant's row, else the row of everybody, else the settings. Rows are never mixed: null in
    the tenant's row is its word.
    """
    return of_tenant or of_everybody or by_settings


def is_over_age(policy: Policy, began_at: datetime, now: datetime) -> bool:
    """Whether it has been kept long enough. Both moments are aware."""
    return policy.keep_days is not None and began_at + timedelta(days=policy.keep_days) <= now


def is_released(policy: Policy, stored_at: datetime, now: datetime) -> bool:
    """Whether Twilio's copy may go. Both moments are aware."""
    return policy.twilio_days is not None and stored_at + timedelta(days=policy.twilio_days) <= now
