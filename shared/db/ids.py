"""Ids as clients write them: ours are UUIDs, everything else can only be one of Twilio's."""

from uuid import UUID


def as_uuid(text: str) -> UUID | None:
    """The UUID in `text`, or None: a text that is none must not become a failing cast in SQL."""
    try:
        return UUID(text)
    except ValueError:
        return None
