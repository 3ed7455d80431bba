"""Every kind of promised work: what does it, what happens when it never can be done, and how patiently it is tried."""

from collections.abc import Mapping
from typing import Final

from shared.domain.backoff import delivery_delay_s
from shared.domain.job_kinds import JobKind
from workers import (
    bulk,
    calls,
    controls,
    live_words,
    outbox,
    placing,
    recording_check,
    recording_deletion,
    recording_release,
    recordings,
    replays,
    sms,
    transcribing,
)
from workers.execute import Work, patiently, plainly


def _delivery_wait_s(attempt: int, jitter: float, retry_after_s: float | None) -> float | None:
    return delivery_delay_s(attempt, jitter, retry_after_s=retry_after_s)


# Half a minute apart on average, a minute at most.
_as_call_wait_s = patiently(5_200, longest_s=60.0)


# Leases are longer than all time limits inside the work together: connect and read of Twilio, of the store, of a
# subscriber. Tries: a text expires, and so does a call that we place; media may be late by minutes and Twilio keeps it; ending
# a call is pointless when the call is long over, as is what else was wished of it; as-call-service is one of us, a customer's
# next message waits behind the last there, and a missed call is worth a text for an hour only: so it is asked again within a
# minute, and for two days. What is deleted asks Twilio once and the store for each version; given up, the sweep asks again.
# An engine that writes down what was said may be away for a night (some seven hours).
CATALOGUE: Final[Mapping[JobKind, Work]] = {
    "sms.send": Work(sms.begin, sms.give_up, lease_s=30, wait_s=sms.wait_s, finish=sms.finish),
    "bulk.expand": Work(plainly(bulk.expand), bulk.give_up, lease_s=60, wait_s=patiently(20)),
    "call.end": Work(plainly(calls.end), calls.nothing_to_record, lease_s=30, wait_s=patiently(6)),
    "call.control": Work(
        plainly(controls.run), controls.give_up, lease_s=60, wait_s=patiently(4), finish=controls.finish
    ),
    "call.place": Work(placing.begin, placing.give_up, lease_s=30, wait_s=placing.wait_s, finish=placing.finish),
    "call.settle": Work(plainly(calls.settle), calls.nothing_to_record, lease_s=15, wait_s=patiently(10)),
    "recording.expect": Work(
        plainly(recording_check.expect), calls.nothing_to_record, lease_s=15, wait_s=patiently(10)
    ),
    "recording.fetch": Work(plainly(recordings.fetch), recordings.give_up, lease_s=300, wait_s=patiently(40)),
    "recording.release": Work(
        plainly(recording_release.release), recording_release.give_up, lease_s=300, wait_s=patiently(40)
    ),
    "recording.delete": Work(
        plainly(recording_deletion.delete), recording_deletion.give_up, lease_s=300, wait_s=patiently(40)
    ),
    "transcription.request": Work(
        transcribing.begin, transcribing.give_up, lease_s=840, wait_s=patiently(60), finish=transcribing.finish
    ),
    "transcription.settle": Work(plainly(live_words.settle), calls.nothing_to_record, lease_s=30, wait_s=patiently(20)),
    "replay.expand": Work(plainly(replays.expand), replays.give_up, lease_s=60, wait_s=patiently(20)),
    "deliver": Work(plainly(outbox.deliver), outbox.give_up, lease_s=60, wait_s=_delivery_wait_s),
    "as-call": Work(plainly(outbox.deliver), outbox.give_up, lease_s=60, wait_s=_as_call_wait_s),
}
