"""May this text go, or this call be placed, to this person now? One total decision, every rule of which says what it found.

It is taken when a text is accepted and again when it is about to leave, from facts that were read in the transaction that
marks it as leaving. The rules and their sources are told in ops/docs/compliance.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from shared.domain.law import Law, Purpose
from shared.domain.quiet_hours import next_allowed
from shared.domain.recipient import Recipient

Verdict = Literal["allowed", "held", "refused"]
Channel = Literal["text", "call"]

OWN_NUMBER: Final = "own-number"
RECIPIENT_KIND: Final = "recipient-kind"
ALPHANUMERIC_US: Final = "alphanumeric-us"
OPT_OUT: Final = "opt-out"
SUPPRESSED: Final = "suppressed"
CONSENT: Final[dict[Purpose, str]] = {
    "conversation": "consent.conversation",
    "transactional": "consent.transactional",
    "marketing": "consent.marketing",
}
FREQUENCY: Final = "frequency"
QUIET_HOURS: Final = "quiet-hours"
RULE_IDS: Final = (
    OWN_NUMBER, RECIPIENT_KIND, ALPHANUMERIC_US, OPT_OUT, SUPPRESSED, *CONSENT.values(), FREQUENCY, QUIET_HOURS,
)  # fmt: skip

_DAY: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class OptOut:
    """One that is in force for this recipient and this sender, its group, the tenant or all of us."""

    scope: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Suppression:
    """A number that texts do not reach. `until` None: for good."""

    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Consent:
    """One that is in force, of the tenant that sends, for the purpose of the text."""

    id: UUID
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the decision looks at. `now` is aware.

    `last_contact_at`: when the recipient last called or wrote to the tenant or the sender. `sent_at`: the texts of the same
    purpose that the tenant sent the recipient in the last 24 hours, and its calls to them, this one not among them.
    `is_own_number`: the recipient is the sender, or one of our own numbers.
    """

    purpose: Purpose
    now: datetime
    recipient: Recipient
    sender_kind: str
    is_own_number: bool = False
    opt_outs: Sequence[OptOut] = ()
    suppression: Suppression | None = None
    consents: Sequence[Consent] = ()
    last_contact_at: datetime | None = None
    sent_at: Sequence[datetime] = ()
    channel: Channel = "text"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one rule found. `until`: the moment at which it would allow, if it holds."""

    id: str
    verdict: Verdict
    detail: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """`held` has `held_until`, an aware time after `now`, when the question is to be asked again."""

    verdict: Verdict
    rules: tuple[Rule, ...]
    held_until: datetime | None = None
    consent_id: UUID | None = None

    @property
    def decisive(self) -> Rule | None:
        """The first rule that refuses, else the first that holds; None when the text may go."""
        return next((rule for rule in self.rules if rule.verdict == self.verdict != "allowed"), None)

    def as_json(self) -> list[dict[str, Any]]:
        """The rules as they are stored with the text and told by the API."""
        return [{"rule": rule.id, "verdict": rule.verdict, "detail": rule.detail} for rule in self.rules]


def decide(facts: Facts, law: Law) -> Decision:
    """Looks at every rule, also after one has refused: whoever asks why sees all of it.

    Of a call is not asked what is about texts alone: who may send them by name, and whom they do not reach.
    """
    consent, consent_id = _consent(facts, law)
    when = _when(facts, law)
    of_texts = (_alphanumeric(facts), _suppressed(facts)) if facts.channel == "text" else ()
    found = (_own_number(facts), _recipient_kind(facts), *of_texts, _opt_out(facts), consent, *when)
    rules = tuple(sorted(found, key=lambda rule: RULE_IDS.index(rule.id)))
    verdicts = {rule.verdict for rule in rules}
    if "refused" in verdicts:
        return Decision("refused", rules, consent_id=consent_id)
    if "held" in verdicts:
        return Decision("held", rules, max(rule.until for rule in rules if rule.until), consent_id)
    return Decision("allowed", rules, consent_id=consent_id)


def _own_number(facts: Facts) -> Rule:
    if facts.is_own_number:
        return Rule(OWN_NUMBER, "refused", "the recipient is a number of ours: two of them would answer each other")
    return Rule(OWN_NUMBER, "allowed", "the recipient is no number of ours")


def _recipient_kind(facts: Facts) -> Rule:
    kind = facts.recipient.kind
    verdict: Verdict = "refused" if kind in ("premium", "withheld") else "allowed"
    return Rule(RECIPIENT_KIND, verdict, f"the kind of number: {kind}")


def _alphanumeric(facts: Facts) -> Rule:
    """Carriers of the USA and Canada take no alphanumeric senders (Twilio error 21612; nobody could answer STOP either)."""
    if facts.sender_kind != "alphanumeric":
        return Rule(ALPHANUMERIC_US, "allowed", f"the kind of sender: {facts.sender_kind}")
    is_refused = facts.recipient.is_american or facts.recipient.region == "CA"
    return Rule(ALPHANUMERIC_US, "refused" if is_refused else "allowed", f"alphanumeric, to {facts.recipient.region}")


def _opt_out(facts: Facts) -> Rule:
    """The recipient's no, for every purpose. A STOP by text counts for calls too (47 CFR 64.1200(a)(10))."""
    if facts.opt_outs:
        found = facts.opt_outs[0]
        return Rule(OPT_OUT, "refused", f"{found.source} of {found.at.isoformat()}, for {found.scope}")
    return Rule(OPT_OUT, "allowed", "none in force")


def _suppressed(facts: Facts) -> Rule:
    """The network's no."""
    known = facts.suppression
    if known and (known.until is None or known.until > facts.now):
        until = known.until.isoformat() if known.until else "it is lifted"
        return Rule(SUPPRESSED, "refused", f"{known.reason}, until {until}")
    return Rule(SUPPRESSED, "allowed", "texts get there, as far as we know")


def is_reply(facts: Facts, law: Law) -> bool:
    """Whether the recipient has called or written within the time of an inquiry."""
    at = facts.last_contact_at
    return at is not None and facts.now - at <= timedelta(days=law.inquiry_days)


def _consent(facts: Facts, law: Law) -> tuple[Rule, UUID | None]:
    """The strongest stored consent that is enough; else what the purpose allows without one."""
    purpose, kinds = facts.purpose, law.consent_kinds[facts.purpose]
    id_ = CONSENT[purpose]
    if found := next((each for each in facts.consents if each.kind in kinds), None):
        return Rule(id_, "allowed", f"{found.kind} consent in force"), found.id
    if purpose != "marketing" and not kinds:
        return Rule(id_, "allowed", "the law file asks for none"), None
    if purpose != "marketing" and "inquiry" in kinds and is_reply(facts, law):
        return Rule(id_, "allowed", "the recipient has called or written, which is an inquiry"), None
    wanted = " or ".join(sorted(kinds)) or "no kind of"
    if purpose == "marketing" or law.is_transactional_consent_required:
        return Rule(id_, "refused", f"{wanted} consent of this tenant is needed, and none is in force"), None
    return Rule(id_, "allowed", f"{wanted} consent is taken for given with the number"), None


def _when(facts: Facts, law: Law) -> tuple[Rule, Rule]:
    """The daily count, then the clock at the moment that the count would allow: what is held is held for both."""
    purpose = _bound_as(facts, law)
    if purpose not in law.binds:
        free = f"does not bind {facts.purpose} {facts.channel}s"
        return Rule(FREQUENCY, "allowed", free), Rule(QUIET_HOURS, "allowed", free)
    frequency = _frequency(facts, law)
    return frequency, _quiet_hours(facts, law, frequency.until or facts.now)


def _bound_as(facts: Facts, law: Law) -> Purpose:
    """A "reply" to somebody who has neither called nor written is an information like any other."""
    return "transactional" if facts.purpose == "conversation" and not is_reply(facts, law) else facts.purpose


def _frequency(facts: Facts, law: Law) -> Rule:
    limits = [rule.most_in_24h for rule in law.rules_for(facts.recipient) if rule.most_in_24h]
    recent = sorted(at for at in facts.sent_at if facts.now - _DAY < at)
    if not limits or len(recent) < min(limits):
        return Rule(
            FREQUENCY, "allowed", f"{len(recent)} in 24 h, {f'at most {min(limits)}' if limits else 'no limit'}"
        )
    until = recent[-min(limits)] + _DAY
    return Rule(FREQUENCY, "held", f"{len(recent)} in 24 h, at most {min(limits)}", until)


def _quiet_hours(facts: Facts, law: Law, moment: datetime) -> Rule:
    zones, rules = facts.recipient.zones, law.rules_for(facts.recipient)
    looked_at = f"hours: {', '.join(rule.name for rule in rules)}; zones: {_some(zones)}"
    until = next_allowed(moment, zones, rules)
    if until is None:
        return Rule(QUIET_HOURS, "refused", f"no hour in common within two weeks; {looked_at}")
    if until == moment:
        return Rule(QUIET_HOURS, "allowed", f"open; {looked_at}")
    return Rule(QUIET_HOURS, "held", f"closed until {until.isoformat()}; {looked_at}", until)


def _some(names: Sequence[str]) -> str:
    """A toll-free number has 42 zones; three of them and their count tell enough."""
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:3])} and {len(names) - 3} more"
