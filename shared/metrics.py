"""The counters of all processes, in one folder that `/metrics` adds up.

prometheus-client's multiprocess mode keeps a file per process id, and they pile up with every restart; here a process
takes the first free slot number of its host instead, so there are never more files than processes alive at once.
"""

import fcntl
import os
from pathlib import Path
from typing import IO, Any, Final

import prometheus_client.values as _values
from prometheus_client import Counter, Gauge, Histogram

_MOST_SLOTS: Final = 256  # more processes than any one host of ours runs
_held: dict[int, tuple[int, IO[str]]] = {}  # pid -> slot and its locked file; a forked child finds no entry of its own


def slot() -> int:
    """This process's slot number: the lowest that no living process holds, the same for the process's whole life."""
    pid = os.getpid()
    if pid not in _held:
        _held[pid] = _take_slot(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
    return _held[pid][0]


def _take_slot(folder: Path) -> tuple[int, IO[str]]:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(_MOST_SLOTS):
        file = (folder / f"slot-{number}.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        return number, file
    raise RuntimeError(f"all {_MOST_SLOTS} metric slots in {folder} are taken")


if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    _values.ValueClass = _values.MultiProcessValue(process_identifier=slot)  # type: ignore[assignment]

# The ack budget is 50 ms; the buckets are dense around what is measured (1-5 ms) and what is promised (50, 100).
_ACK_BUCKETS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 5)
_PREFIX: Final = "twilio_server_"

WEBHOOKS = Counter(_PREFIX + "webhooks_total", "Webhooks by kind and what became of them.", ["kind", "outcome"])
WEBHOOKS_REFUSED = Counter(
    _PREFIX + "webhooks_refused_total", "Webhooks that were not believed, by reason.", ["reason"]
)
WEBHOOK_ACK = Histogram(
    _PREFIX + "webhook_ack_seconds", "From request to answer of a webhook.", ["kind"], buckets=_ACK_BUCKETS
)
HTTP_REQUESTS = Counter(_PREFIX + "http_requests_total", "Requests by route.", ["route", "method", "status"])
HTTP_SECONDS = Histogram(_PREFIX + "http_request_seconds", "Time of a request.", ["route"], buckets=_ACK_BUCKETS)
EVENTS_PROCESSED = Counter(_PREFIX + "events_processed_total", "Events by kind and outcome.", ["kind", "outcome"])
WEBHOOK_UNKNOWN_FIELDS = Counter(
    _PREFIX + "webhook_unknown_fields_total", "Fields of webhooks that no schema names.", ["kind"]
)
WEBHOOK_UNKNOWN_VALUES = Counter(
    _PREFIX + "webhook_unknown_values_total",
    "Values that a known field cannot have; taken for absent.",
    ["kind", "field"],
)
FALLBACKS_USED = Counter(
    _PREFIX + "fallbacks_used_total",
    "Requests at a fallback address: the first address failed a caller or a text.",
    ["kind", "failed"],
)
TWILIO_ALERTS = Counter(_PREFIX + "twilio_alerts_total", "What Twilio complained of, by error code.", ["code"])
JOBS = Counter(_PREFIX + "jobs_total", "Attempts of promised work by kind and outcome.", ["kind", "outcome"])
TEXT_BACKS = Counter(
    _PREFIX + "text_backs_total", "Missed calls by what becomes of their text: wanted, or why not.", ["outcome"]
)
SMS = Counter(_PREFIX + "sms_total", "Texts by what became of them.", ["outcome"])
SMS_SEGMENTS = Counter(_PREFIX + "sms_segments_total", "Segments of texts that Twilio took.")
CONSENT_BLOCKS = Counter(
    _PREFIX + "consent_blocks_total",
    "Texts that a rule has held or refused, when asked for or when leaving.",
    ["reason"],
)
SMS_SETTLED = Counter(
    _PREFIX + "sms_settled_total", "Texts whose request had no answer, by what came out.", ["outcome"]
)
SMS_ALERTS = Counter(
    _PREFIX + "sms_alerts_total", "Error codes of texts that a person should hear of.", ["error_class", "rule"]
)
PACED_WITHOUT_REDIS = Counter(
    _PREFIX + "paced_without_redis_total", "Texts whose turn was taken in PostgreSQL because Redis was away."
)
CALLS = Counter(
    _PREFIX + "calls_total", "Calls by direction and decision; outbound: placed, refused.", ["direction", "outcome"]
)
RECORDINGS = Counter(_PREFIX + "recordings_total", "Recordings by what became of them.", ["outcome"])
TRANSCRIPTIONS = Counter(
    _PREFIX + "transcriptions_total", "Transcriptions that ended, by who made them and how.", ["provider", "status"]
)
RECORDING_DELETIONS = Counter(
    _PREFIX + "recording_deletions_total", "Recordings that were deleted, by where.", ["place"]
)
RECORDING_BYTES = Counter(_PREFIX + "recording_bytes_total", "Bytes of recordings stored.")
RECORDINGS_DAMAGED = Counter(
    _PREFIX + "recordings_damaged_total",
    "Stored recordings that were found damaged when they were read back.",
    ["damage"],
)
RECORDINGS_CHECKED_AT = Gauge(
    _PREFIX + "recordings_checked_timestamp_seconds",
    "When stored recordings were last read back.",
    multiprocess_mode="max",
)
RECORDING_SECONDS = Histogram(_PREFIX + "recording_store_seconds", "From Twilio to the store, one recording.")
TRANSCRIPTION_SECONDS = Histogram(
    _PREFIX + "transcription_engine_seconds",
    "What the engine took for the words of one recording.",
    buckets=(0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900),
)
TWILIO_REQUESTS = Counter(_PREFIX + "twilio_requests_total", "Requests to Twilio.", ["resource", "outcome", "code"])
TWILIO_SECONDS = Histogram(_PREFIX + "twilio_request_seconds", "Time of a request to Twilio.", ["resource"])
TWILIO_THROTTLED = Counter(_PREFIX + "twilio_throttled_total", "Requests that Twilio refused as too many (429).")
DELIVERIES = Counter(_PREFIX + "event_deliveries_total", "Delivery attempts to subscribers.", ["endpoint", "outcome"])
ENDPOINTS_DISABLED = Counter(
    _PREFIX + "endpoints_disabled_total", "Subscribers that were disabled, by why.", ["reason"]
)
HINTS_LOST = Counter(
    _PREFIX + "hints_lost_total", "Queue messages that Redis did not take; the dispatcher repeats them."
)
INBOX_LINE_CUTS = Counter(
    _PREFIX + "inbox_line_cuts_total", "How often Redis did not answer the ingress in time; the journal took over."
)
EVENTS_STORED = Counter(
    _PREFIX + "events_stored_total", "Events by where they were stored before the answer.", ["where"]
)
LANE_ANSWERS = Counter(_PREFIX + "lane_answers_total", "Webhooks answered in the event loop, without Flask.")
NETS_REVIVED = Counter(_PREFIX + "nets_revived_total", "Threads of nets that had died and were started anew.", ["net"])
WORKERS_STALLED = Counter(
    _PREFIX + "workers_stalled_total", "Workers that lived without working and ended themselves.", ["reason"]
)
BEAT_TICKS = Counter(_PREFIX + "beat_ticks_total", "Periodic tasks started.", ["name"])
JOURNAL_FAULTS = Counter(_PREFIX + "journal_faults_total", "Appends that the journal refused.")
JOURNAL_SECONDS = Histogram(
    _PREFIX + "journal_append_seconds", "From asking the disk to its having synced, one group.", buckets=_ACK_BUCKETS
)
JOURNAL_REDELIVERED = Counter(
    _PREFIX + "journal_redelivered_total",
    "Events of the journal that PostgreSQL had no account of, put into the inbox.",
)
JOURNAL_ADOPTED = Counter(_PREFIX + "journal_adopted_total", "Segments taken over from dead processes.")
JOURNAL_DAMAGED = Counter(_PREFIX + "journal_damaged_total", "Segments set apart because not all of them reads back.")


def observe_many(child: Any, amount: float, count: int) -> None:
    """As `count` observations of `amount`, for the price of one: the hot lane answers many webhooks in one turn.

    Reaches into prometheus-client's histogram child; should that look different one day, it observes one by one.
    """
    try:
        total, bounds, buckets = child._sum, child._upper_bounds, child._buckets
    except AttributeError:
        for _ in range(count):
            child.observe(amount)
        return
    total.inc(amount * count)
    for bound, bucket in zip(bounds, buckets, strict=True):
        if amount <= bound:
            bucket.inc(count)
            break
