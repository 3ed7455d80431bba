"""The lives of a message, a call, a recording and a send job: total tables that say which of two states wins.

Callbacks come doubled and out of order, so the question is never "is this allowed" but "which one is further along".
Between two ends of one rank the later in the table stands: any fixed choice makes every order end the same, and the
order of arrival would not. The schema repeats these tables as CHECKs and rank functions (`shared/db/migrations`), and a
test compares the two.
"""

from typing import Final

# Twilio's thirteen message states (OpenAPI enum message_status) by how far along they are.
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

# Twilio's call states (OpenAPI enum call_status, plus "initiated" of the callbacks). Of rival ends "completed" stands: it
# proves that somebody took the call.
CALL_RANK: Final[dict[str, int]] = {
    "queued": 0,
    "initiated": 1,
    "ringing": 2,
    "in-progress": 3,
    "canceled": 4,
    "no-answer": 4,
    "failed": 4,
    "busy": 4,
    "completed": 4,
}
CALL_FINAL: Final = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
# Ends of a call that was never connected.
CALL_UNANSWERED: Final = CALL_FINAL - {"completed"}

# Ours: what a call was answered, of several answers the one that went furthest. After a menu a caller may still be put
# through, after the voicemail's greeting no more.
ROUTE_RANK: Final[dict[str, int]] = {"reject": 0, "menu": 1, "consent": 2, "voicemail": 3, "forward": 4}

# Results of `<Dial>`: of several the one that stands, unless another phone was rung after it (`missed_call.dial_weight`).
DIAL_RANK: Final[dict[str, int]] = {
    "canceled": 0,
    "failed": 1,
    "no-answer": 2,
    "busy": 3,
    "answered": 4,
    "completed": 5,
}

# Ours: was the call missed? A decision only rises: whoever was taken for answered may prove missed, and a missed call, of
# which others know, stays so.
DECISION_RANK: Final[dict[str, int]] = {"screened": 0, "answered": 1, "missed": 2}

# Ours: how far a caller's consent to being recorded has come, and how it was asked for; the strictest stands.
CONSENT_RANK: Final[dict[str, int]] = {
    "not-needed": 0,
    "announced": 1,
    "asked": 2,
    "asserted": 3,
    "given": 4,
    "declined": 5,
}
CONSENT_WAY_RANK: Final[dict[str, int]] = {"none": 0, "announce": 1, "asserted": 2, "press": 3}

# Ours: how far a recording has come from Twilio to our store, and out of the world again. "absent" (Twilio has no media) and
# "failed" are ends unless its sound was had all the same. Once our copy is confirmed Twilio's may go, by policy
# ("provider-deleted"); "deleted" is gone in both places.
RECORDING_RANK: Final[dict[str, int]] = {
    "announced": 0,
    "available": 1,
    "fetched": 2,
    "verified": 3,
    "absent": 4,
    "failed": 4,
    "stored": 5,
    "provider-deleted": 6,
    "deleted": 7,
}
RECORDING_FINAL: Final = frozenset({"absent", "failed", "stored", "provider-deleted", "deleted"})
RECORDING_HAD: Final = frozenset({"stored", "provider-deleted"})  # its sound is in our store

# How sure Twilio is of who answered; an answer may be refined once ("machine_start", then the end of its greeting).
ANSWERED_BY_RANK: Final[dict[str, int]] = {
    "unknown": 0,
    "human": 1,
    "machine_start": 1,
    "fax": 1,
    "machine_end_other": 2,
    "machine_end_silence": 2,
    "machine_end_beep": 2,
}

# How far a transcription has come at Twilio. "failed" may follow what was heard until then.
TRANSCRIPTION_RANK: Final[dict[str, int]] = {"in-progress": 0, "completed": 1, "failed": 2}

# Ours: handing one text to Twilio. "sending" is written before the request leaves, so a crash in between reads as
# "perhaps": the next attempt looks the message up at Twilio before it would send again. "parked" is such a doubt that a
# person is to settle. "handed" outranks every other end: whatever we had given up, Twilio's own word proves that it has it.
SEND_RANK: Final[dict[str, int]] = {
    "queued": 0,
    "sending": 1,
    "unknown": 2,
    "parked": 3,
    "canceled": 4,
    "refused": 4,
    "handed": 5,
}
SEND_FINAL: Final = frozenset({"parked", "canceled", "refused", "handed"})

# Ours: a call that we place. "placing" is committed before the request leaves and reads as "perhaps" after a crash, as a
# text's "sending" does; a call in doubt is never dialled again. "placed" outranks what we had given up: Twilio has it.
PLACE_RANK: Final[dict[str, int]] = {
    "queued": 0,
    "placing": 1,
    "unknown": 2,
    "canceled": 3,
    "refused": 3,
    "placed": 4,
}
PLACE_FINAL: Final = frozenset({"canceled", "refused", "placed"})


def standing(rank: dict[str, int], state: str) -> int:
    """How `state` compares with every other one: its rank, then its place in the table; -1 if it is unknown."""
    return rank[state] * 16 + [*rank].index(state) if state in rank else -1


def later(rank: dict[str, int], old: str | None, new: str) -> str:
    """The state that stands after `new` was heard while `old` stood.

    An unknown new state never replaces a known one: Twilio adds states without notice, and losing a known end is worse.
    """
    if old is None:
        return new
    return new if standing(rank, new) > standing(rank, old) else old
