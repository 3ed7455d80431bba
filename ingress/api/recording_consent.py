"""May this call be recorded, as far as anybody has settled it? Consent comes first: without a ground nothing is started."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from psycopg import Connection

from ingress.problem import Problem
from shared import recipients
from shared.db import call_consents, call_steps
from shared.db.call_overview import CallOverview
from shared.domain.law import Law
from shared.domain.recording_law import Consent, consent_for
from shared.domain.routing import RecordingPolicy

# What its parties, or somebody in their name, have said already.
GROUNDS: Final = frozenset({"announced", "given", "not-needed", "asserted"})


def settle(
    conn: Connection, law: Law, call: CallOverview, parties: Sequence[str], policy: RecordingPolicy, *, by: str | None
) -> None:
    """Stores the ground on which the call may be recorded. `by`: the client that says that all parties have agreed.

    Raises Problem 409 when there is none.
    """
    assert call.call_sid is not None  # a call that Twilio has
    if by is not None:
        if call_consents.assert_given(conn, call.call_sid, asserted(by)):
            _note(conn, call.call_sid, "asserted", {"client": by})
        return
    if call.consent in GROUNDS:
        return
    found = of_law(law, parties, policy)
    if found.way != "none" or call.consent is not None:  # who was asked and has not agreed is not overruled by a law
        raise required(found)
    if call_consents.note_not_needed(conn, call.call_sid, as_rule(found)):
        _note(conn, call.call_sid, "not-needed", as_rule(found))


def of_law(law: Law, parties: Sequence[str], policy: RecordingPolicy) -> Consent:
    """What the law of these numbers asks, and the number's policy."""
    return consent_for(policy, law, [recipients.of(party) for party in parties])


def asserted(client: str) -> dict[str, Any]:
    """Who says that the parties have agreed, and when."""
    return {"asserted_by": client, "asserted_at": datetime.now(UTC).isoformat()}


def as_rule(consent: Consent) -> dict[str, Any]:
    """The law that decided, as it is stored."""
    return {"rule": consent.rule, "states": list(consent.states), "basis": list(consent.basis)}


def required(found: Consent) -> Problem:
    """Nothing says that they have agreed."""
    return Problem(
        409, "consent-required", "Consent to recording is required",
        "No consent of the parties is stored with this call, and their law asks for it.",
        members={"way": found.way, **as_rule(found)},
    )  # fmt: skip


def _note(conn: Connection, call_sid: str, name: str, detail: dict[str, Any]) -> None:
    call_steps.add(conn, call_sid, "consent", name=name, at=datetime.now(UTC), detail=detail)
