"""Every type of our notifications: when it is told, the JSON Schema of its whole body, and an example.

Words come from the tables that the code itself goes by, so a schema cannot name others than are told. `VERSIONING` is what
its readers may rely on; a test looks after what a machine can see of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, get_args

from shared.db.endpoints import DisabledReason
from shared.db.opt_outs import Source
from shared.db.recording_deletions import Reason
from shared.db.transcriptions import Provider
from shared.domain.error_classes import ErrorClass
from shared.domain.keywords import OptOutType
from shared.domain.missed_call import MISSED_DIALS
from shared.domain.status import CALL_FINAL, CALL_RANK, DECISION_RANK, DIAL_RANK, MESSAGE_RANK, RECORDING_HAD
from shared.domain.text_back import TextBack
from shared.notice_examples import EXAMPLES
from shared.notice_schemas import Schema, count, document, many, maybe, moment, null, number, text, thing, truth, word

VERSIONING: Final = (
    "A type keeps its name, and each of its fields its name, its kind and its meaning, for good.",
    "Fields are only added. One that was added later is not among the required ones, because what is told again from before "
    "is told as it was then.",
    "A word may be added to a list of words (`enum`), as Twilio adds states without notice.",
    "What would have to change otherwise becomes a new type, told beside the old one.",
    "A type is taken away no sooner than 180 days after the changelog has said so and named what takes its place.",
)
IGNORING: Final = (
    "types that it does not know (answer 2xx: it would be told them again and again)",
    "fields that it does not know, at every depth",
    "words that it does not know: take them as `something else`, never as an error",
    "the order of fields, blanks in the body, and how a number or a time is spelled within its format",
    "headers that it does not know",
)

_TENANT: Final = maybe(text("Whose it is; null: of a number that nobody has told us the owner of.", minLength=1))
_SID: Final = {"minLength": 1, "maxLength": 64}
_PARTY: Final = (
    "E.164 where it is a phone number; what Twilio says where it is none (a withheld caller, `sip:`, `whatsapp:`)."
)


@dataclass(frozen=True, slots=True)
class NoticeType:
    """`schema` is that of the whole body, `example` a whole body."""

    type: str
    meaning: str
    schema: Schema
    example: Mapping[str, Any]


@cache
def catalogue() -> Mapping[str, NoticeType]:
    """All of them by name."""
    return {
        type_: NoticeType(type_, meaning, document(type_, meaning, thing(fields)), {"type": type_, **EXAMPLES[type_]})
        for type_, (meaning, fields) in sorted(_TYPES.items())
    }


def _call(**own: Schema) -> Mapping[str, Schema]:
    return {
        "call_sid": text("Twilio's name of the call.", **_SID),
        "parent_call_sid": maybe(text("Of a leg: the call that it was dialled for.", **_SID)),
        "from": text(_PARTY),
        "to": text(_PARTY),
        "tenant_id": _TENANT,
        "direction": text("Twilio's word: `inbound`, `outbound-api`, `outbound-dial`, ...", examples=["inbound"]),
        "status": word("The status that stands; in later notifications of a call it never goes back.", CALL_RANK),
        "dial_status": maybe(word("How the ringing of the business's phone ended.", DIAL_RANK)),
        "decision": maybe(word("Was it missed? Null while that is open.", DECISION_RANK)),
        "missed_status": null("Only `call.missed` has it."),
        "text_back": maybe(word("What becomes of a missed call's text.", get_args(TextBack))),
        "duration_s": maybe(count("Seconds, once the call is over.")),
        "started_at": moment("When we first heard of it."),
        "ended_at": maybe(moment("When we heard of its end.")),
        **own,
    }


def _text(status: Schema | None = None) -> Mapping[str, Schema]:
    return {
        "message_id": text("Our name of the text.", format="uuid"),
        "message_sid": maybe(text("Twilio's name, once Twilio has it.", **_SID)),
        "from": text("The sender; empty while Twilio has not chosen it from a Messaging Service."),
        "to": text("The recipient."),
        "tenant_id": _TENANT,
        "client": maybe(text("Who asked for it.")),
        "idempotency_key": maybe(text("The key under which the client asked for it.")),
        "status": status
        or word("The status that stands; in later notifications of a text it never goes back.", MESSAGE_RANK),
        "is_final": truth(
            "Nothing more is expected. A carrier's late receipt may still turn another end into `delivered`."
        ),
        "error_code": maybe(count("Twilio's error code.")),
        "error_class": maybe(word("What kind of error that is.", get_args(ErrorClass))),
        "error_reason": maybe(text("In words: why it was refused, or Twilio's answer.")),
        "segments": maybe(count("Segments that Twilio counted.")),
        "attempt": count("Which try this is: over 1 for a text that takes the place of a lost one.", least=1),
        "retry_of": maybe(text("The text whose place this one takes.", format="uuid")),
        "retried_as": maybe(text("Not the end: the text of this id takes its place.", format="uuid")),
        "created_at": moment("When it was asked for."),
    }


def _recording(state: Schema, **own: Schema) -> Mapping[str, Schema]:
    return {
        "recording_sid": text("Twilio's name of the recording.", **_SID),
        "call_sid": text("The call; empty where Twilio did not say."),
        "tenant_id": _TENANT,
        "state": state,
        "duration_s": maybe(count("Seconds.")),
        "channels": maybe(count("1: mono; 2: each party on its own.", least=1)),
        "size_bytes": maybe(count("Of what is stored.")),
        "sha256": maybe(text("Of what is stored.", pattern="^[0-9a-f]{64}$")),
        "error_reason": null("Nothing went wrong."),
        **own,
    }


def _words(status: str) -> Mapping[str, Schema]:
    return {
        "transcription_sid": text("Its name: Twilio's, or ours where another engine heard it.", **_SID),
        "recording_sid": maybe(text("Of a recording: which.", **_SID)),
        "call_sid": maybe(text("Of a call: which.", **_SID)),
        "tenant_id": _TENANT,
        "status": word("How it ended.", [status]),
        "provider": word("Who heard it.", get_args(Provider)),
        "language": maybe(text("A language tag.", examples=["en-US"])),
        "confidence": maybe(number("0 to 1, as the engine says.", maximum=1)),
        "redactions": count("Secrets that were taken out."),
        "text": text("What was said, without its secrets; at most 16 kB of it."),
        "is_truncated": truth("More of it is at `transcription_url`."),
        "is_erased": truth("The words were deleted since: `text` is empty."),
        "error_code": maybe(count("Twilio's error code.")),
        "error_reason": maybe(text("Why it could not be heard.")),
        "transcription_url": maybe(text("Path of our API where all of it is read.")),
    }


def _consent() -> Mapping[str, Schema]:
    return {
        "number": text("Whose wish it is."),
        "sender": text("Our number that it was said to."),
        "scopes": many(
            "Where it counts: our number, its Messaging Service, `tenant:` and a tenant.", text("One of them."), least=1
        ),
        "tenant_id": _TENANT,
        "source": word("How we know.", get_args(Source)),
        "at": moment("When it was said."),
    }


def _hour() -> Mapping[str, Schema]:
    return {
        "tenant_id": _TENANT,
        "hour": moment("Its beginning, UTC."),
        "until": moment("Its end: the first moment that does not belong to it."),
        "revision": _revision(),
        "calls": count("Customers' calls that began in it. Calls = answered + missed + screened + undecided."),
        "answered": count("Of these: somebody took it."),
        "missed": count("Of these: nobody did."),
        "screened": count("Of these: turned away by our own rules."),
        "undecided": count("Of these: that is still open."),
        "text_backs": count("Missed calls for which a text was asked."),
        "calls_placed": count("Calls that we placed, begun in it."),
        "duration_s": count(
            "Seconds of all these calls together, as Twilio counts them; dialled legs are not counted twice."
        ),
        "minutes": number("The same in minutes, to two decimals."),
        "texts": count(
            "Our texts that were asked for in it. Texts = delivered + undelivered + failed + canceled + refused + open."
        ),
        "texts_sent": count("Of these: handed to Twilio, whatever became of them."),
        "texts_delivered": count("Of these: the carrier confirmed it, or it was read."),
        "texts_undelivered": count("Of these: the carrier could not deliver it."),
        "texts_failed": count("Of these: Twilio took it and could not send it."),
        "texts_canceled": count("Of these: called back before it left."),
        "texts_refused": count("Of these: never handed to Twilio, by a rule or by Twilio's refusal."),
        "texts_open": count("Of these: no end is known, as where no carrier sends receipts."),
        "texts_received": count("Customers' texts that were taken down in it."),
        "segments": count("Of our texts, as Twilio counts them."),
        "delivery_rate": maybe(
            number(
                "delivered / (delivered + undelivered + failed), to four decimals; null: no end is known.", maximum=1
            )
        ),
        "recordings": count("Recordings announced in it whose sound was had, deleted since or not."),
    }


def _revision() -> Schema:
    """A list of numbers, and as closed as one of words."""
    return {
        "type": "integer",
        "enum": [1, 2],
        "description": "1: minutes after the hour; 2: a day later, with what was told late. The highest counts, alone.",
    }


_STATUS_OF_END: Final = word("How it ended.", [status for status in CALL_RANK if status in CALL_FINAL])
_TYPES: Final[Mapping[str, tuple[str, Mapping[str, Schema]]]] = {
    "call.incoming": ("A customer calls one of our numbers.", _call()),
    "call.status": ("A call, or a leg of one, came a step further.", _call()),
    "call.completed": ("A call, or a leg of one, is over, however it ended.", _call(status=_STATUS_OF_END)),
    "call.missed": (
        "Nobody took a customer's call. Once per call, with what becomes of its text.",
        _call(
            decision=word("That it was missed.", ["missed"]),
            missed_status=word("Why, in the platform's words.", sorted(MISSED_DIALS)),
            text_back=word("What becomes of its text.", get_args(TextBack)),
        ),
    ),
    "sms.received": (
        "A customer wrote.",
        {
            "message_sid": text("Twilio's name of the text.", **_SID),
            "from": text(_PARTY),
            "to": text("Our number."),
            "tenant_id": _TENANT,
            "body": text("What was written; may be empty."),
            "media": many(
                "Pictures and the like.",
                thing({"url": text("At Twilio; asks for our credentials."), "content_type": text("MIME type, or empty.")}),
            ),
            "opt_out_type": maybe(word("What it asks for.", get_args(OptOutType))),
            "received_at": moment("When it came in."),
        },
    ),
    "sms.queued": ("Twilio has our text.", _text()),
    "sms.sent": ("Our text left for the carrier.", _text()),
    "sms.delivered": ("The carrier confirmed our text.", _text()),
    "sms.undelivered": ("The carrier could not deliver our text.", _text()),
    "sms.failed": ("Our text was not sent: refused by a rule or by Twilio, or given up.", _text()),
    "recording.available": (
        "A recording is fetched, checked and stored.",
        _recording(word("Where its sound is.", sorted(RECORDING_HAD))),
    ),
    "recording.failed": (
        "A recording could not be had. `missing`: a call was to be recorded and no recording came, or one without sound.",
        _recording(
            word("What went wrong.", ["failed", "missing"]),
            recording_sid=maybe(text("Twilio's name of the recording; null: there is none.", **_SID)),
            error_reason=maybe(text("Why; of a missing one `missing` (none came) or `absent` (Twilio has no sound of it).")),
        ),
    ),
    "recording.deleted": (
        "A recording is deleted, here and at Twilio.",
        _recording(
            word("That it is gone.", ["deleted"]),
            reason=word("Why: it was kept long enough, somebody asked, or a person's right.", get_args(Reason)),
        ),
    ),
    "transcription.completed": ("What was said in a recording or a live call.", _words("completed")),
    "transcription.failed": (
        "It could not be heard; `text` has what was heard until then. Of one transcription one of the two is told, once.",
        _words("failed"),
    ),
    "consent.opted_out": ("Somebody wants no more texts: said in a text, or told by Twilio's error 21610.", _consent()),
    "consent.opted_in": ("Somebody who had said so by text wants them again.", _consent()),
    "endpoint.disabled": (
        "A subscriber is told nothing any more. What waits for it is kept.",
        {
            "endpoint_id": text("Which.", minLength=1),
            "reason": word("gone: it answered 410; failing: nothing but failures for five days.", get_args(DisabledReason)),
            "url": text("Where it was told.", format="uri"),
            "tenant_id": _TENANT,
        },
    ),
    "endpoint.test": (
        "Somebody tries whether this subscriber hears us.",
        {"endpoint_id": text("Which.", minLength=1), "asked_at": moment("When that was asked.")},
    ),
    "report.hourly": (
        "What one tenant's hour was made of, counted from our rows. Hours without anything are not told.",
        _hour(),
    ),
}  # fmt: skip
