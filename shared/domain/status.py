"""The lives of a message, a call, a recording and a send job: total tables that say which of two states wins.

Callbacks come doubled and out of order, so the question is never "is this allowed" but "which one is further along".
The schema repeats these tables as CHECKs and rank functions (`shared/db/migrations`), and a test compares the two.
"""

from typing import Final

# Twilio's thirteen message states (OpenAPI enum message_status) by how far along they are. Equal ranks are rival ends.
MESSAGE_RANK: Final[dict[str, int]] = {
    "accepted": 0,
    "scheduled": 0,
    "receiving": 0,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "partially_delivered": 4,
    "received": 5,
    "failed": 5,
    "canceled": 5,
    "undelivered": 5,
    # A carrier's late receipt after "undelivered" is proof of arrival, so delivered outranks the other ends.
    "delivered": 6,
    "read": 7,
}
MESSAGE_FINAL: Final = frozenset({"received", "failed", "canceled", "undelivered", "delivered", "read"})

# Twilio's call states (OpenAPI enum call_status, plus "initiated" of the callbacks). Among ends, the first one stands.
CALL_RANK: Final[dict[str, int]] = {
    "queued": 0,
    "initiated": 1,
    "ringing": 2,
    "in-progress": 3,
    "completed": 4,
    "busy": 4,
    "failed": 4,
    "no-answer": 4,
    "canceled": 4,
}
CALL_FINAL: Final = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})

# Ours: how far a recording has come from Twilio to our store. "absent" (Twilio has no media) and "failed" are ends.
RECORDING_RANK: Final[dict[str, int]] = {
    "announced": 0,
    "available": 1,
    "fetched": 2,
    "verified": 3,
    "stored": 4,
    "absent": 5,
    "failed": 5,
    "deleted": 6,
}
RECORDING_FINAL: Final = frozenset({"stored", "absent", "failed", "deleted"})

# Ours: handing one text to Twilio. "sending" is written before the request leaves, so a crash in between reads as
# "perhaps": the next attempt looks the message up at Twilio before it would send again.
SEND_RANK: Final[dict[str, int]] = {
    "queued": 0,
    "sending": 1,
    "unknown": 2,
    "handed": 3,
    "refused": 3,
}
SEND_FINAL: Final = frozenset({"handed", "refused"})


def later(rank: dict[str, int], old: str | None, new: str) -> str:
    """The state that stands after `new` was heard while `old` stood. Between equals the first one stands.

    An unknown new state never replaces a known one: Twilio adds states without notice, and losing a known end is worse.
    """
    if old is None:
        return new
    return new if rank.get(new, -1) > rank.get(old, -1) else old
