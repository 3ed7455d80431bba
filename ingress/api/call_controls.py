"""What may be done to a live call: send it elsewhere, and record it."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from flask import Blueprint, Response
from psycopg import Connection

from ingress.answer import Answer
from ingress.api import call_resources, call_schemas, recording_consent, schemas
from ingress.api.calls import found
from ingress.api.faults import invalid
from ingress.api.reading import checked, json_body, optional_body
from ingress.api.waiting import Waits, applied, wished_s
from ingress.idempotency import once
from ingress.problem import Problem
from ingress.service_guard import require
from shared import tasks
from shared.db import call_controls, call_overview, jobs, numbers, recordings
from shared.db.call_controls import Action, Control
from shared.db.call_overview import CallOverview
from shared.domain import call_documents
from shared.domain.call_taping import Taping, standing
from shared.domain.routing import Number, unknown_number
from shared.domain.status import CALL_FINAL
from shared.domain.twiml import Urls
from shared.runtime import Runtime

# What a client is answered, and the job that was promised, if any.
Deed = Callable[[Connection], tuple[Answer, int | None]]
_ACTIONS: Final[dict[str, Action]] = {
    "start": "record-start", "pause": "record-pause", "resume": "record-resume", "stop": "record-stop",
}  # fmt: skip


def blueprint(rt: Runtime, waits: Waits) -> Blueprint:
    """The routes, below /api."""
    routes = Blueprint("call_controls", __name__)
    routes.add_url_rule("/calls/<id:call_id>/redirect", "redirect", partial(redirect, rt, waits), methods=["POST"])
    for word in _ACTIONS:
        routes.add_url_rule(
            f"/calls/<id:call_id>/recording/{word}", word, partial(record, rt, waits, word), methods=["POST"]
        )
    return routes


def redirect(rt: Runtime, waits: Waits, call_id: str) -> Response:
    """202: it will be done; 200: it was, or the call was over before."""
    caller, document = require(rt, "calls:control"), json_body()
    wanted = checked(call_schemas.REDIRECT, document)

    def deed(conn: Connection) -> tuple[Answer, int | None]:
        call = _on_the_line(conn, call_id)
        args = {"kind": _kind(wanted), **wanted, "twiml": _document(rt, conn, call, wanted)}
        control = _ask(conn, call, "redirect", args, caller.client)
        return _answer(control), _promise(conn, control)

    return _done(rt, waits, caller.client, document, deed, lambda _, control: _answer(control))


def record(rt: Runtime, waits: Waits, word: str, call_id: str) -> Response:
    """202: it will be done; 200: it was, or stood so before. Raises Problem 409 without consent, or without a recording."""
    caller, document = require(rt, "calls:control"), optional_body()
    wanted = checked(call_schemas.RECORD_START if word == "start" else schemas.NOTHING, document)

    def deed(conn: Connection) -> tuple[Answer, int | None]:
        call = _eldest(conn, _on_the_line(conn, call_id))
        stands = _standing(conn, call)
        if word == "start" and call.status not in CALL_FINAL:
            _may_record(rt, conn, call, caller.client if "consent" in wanted else None)
        if call.status not in CALL_FINAL and not _changes(word, stands):
            return _taped(call, stands, None), None
        control = _ask(conn, call, _ACTIONS[word], {}, caller.client)
        return _taped(call, _standing(conn, call), control), _promise(conn, control)

    def shown(conn: Connection, control: Control) -> Answer:
        call = found(conn, control.call_sid)
        return _taped(call, _standing(conn, call), control)

    return _done(rt, waits, caller.client, document, deed, shown)


def _done(
    rt: Runtime,
    waits: Waits,
    client: str,
    document: Any,
    deed: Deed,
    shown: Callable[[Connection, Control], Answer],
) -> Response:
    """Does the deed once for this request, tells the workers, and waits for them if that is preferred."""
    with once(rt, client, document) as this:
        if this.stored:
            return this.stored
        with rt.db.connection() as conn:
            answer, job_id = deed(conn)
            this.keep(conn, answer)
        if job_id is None:
            return answer.response()
        tasks.hint(rt.redis, "call.control", job_id)

        def look(conn: Connection) -> Answer | None:
            control = call_controls.find(conn, answer.body.get("control", answer.body)["id"])
            return shown(conn, control) if control else None

        newer = waits.until(look, lambda seen: seen.status == 200, wished_s())
        if newer is None:
            return answer.response()
        this.keep_newer(rt, newer)
        return applied(newer.response())


def _answer(control: Control) -> Answer:
    return _of(control, control.call_sid, call_resources.control(control))


def _taped(call: CallOverview, stands: Taping, control: Control | None) -> Answer:
    call_sid = call.call_sid or ""
    return _of(control, call_sid, call_resources.taping(call_sid, stands, control))


def _of(control: Control | None, call_sid: str, body: dict[str, Any]) -> Answer:
    if control is None or control.state != "requested":
        return Answer(200, body)
    return Answer(202, body, {"Location": f"/api/calls/{call_sid}"})


def _on_the_line(conn: Connection, call_id: str) -> CallOverview:
    """The call, which is this request's until it is answered. Raises Problem 404, and 409 while Twilio does not have it."""
    call = found(conn, call_id, to_change=True)
    if call.call_sid is None:
        raise _wrong_state(f"Twilio does not have the call: it is {call.status}.")
    return call


def _eldest(conn: Connection, call: CallOverview) -> CallOverview:
    """Recordings are the first leg's, whichever is named (Twilio docs, recordingStatusCallback: CallSid)."""
    if call.parent_call_sid is None:
        return call
    return call_overview.find(conn, call.parent_call_sid, to_change=True) or call


def _ask(conn: Connection, call: CallOverview, action: Action, args: dict[str, Any], client: str) -> Control:
    assert call.call_sid is not None  # _on_the_line
    return call_controls.ask(conn, call.call_sid, action, args, client=client, is_late=call.status in CALL_FINAL)


def _promise(conn: Connection, control: Control) -> int | None:
    """Wishes about one call are fulfilled in their order."""
    if control.state != "requested":
        return None
    key = f"control:{control.call_sid}"
    return jobs.promise(conn, "call.control", str(control.id), order_key=key, hint_in_s=jobs.FIRST_HINT_S)


def _kind(wanted: dict[str, Any]) -> str:
    return "forward" if "forward_to" in wanted else next(iter(wanted))


def _document(rt: Runtime, conn: Connection, call: CallOverview, wanted: dict[str, Any]) -> str:
    """What Twilio is to do, in the number's language and with its caller id.

    Raises Problem 422 when it is too long, or would have the number call itself.
    """
    number, urls, eldest = _number(conn, call), Urls(rt.settings.public_url), _eldest(conn, call)
    if wanted.get("forward_to") == number.phone_number:
        raise invalid([{"pointer": "#/forward_to", "code": "own_number", "detail": "is the number that was called"}])
    if "forward_to" in wanted:
        document = call_documents.forwarded(
            number, wanted["forward_to"], urls, caller=eldest.from_number, call_sid=call.call_sid or "",
            records=eldest.recording_wanted and eldest.consent in recording_consent.GROUNDS,
        )  # fmt: skip
    elif "say" in wanted:
        document = call_documents.told(number, wanted["say"])
    else:
        document = call_documents.to_voicemail(
            number, urls, call_sid=call.call_sid or "", is_transcribed=rt.settings.transcription == "twilio"
        )
    if len(document) > call_documents.LONGEST:
        raise invalid([{"pointer": "#/say", "code": "too_long", "detail": "Twilio takes 4,000 characters of TwiML"}])
    return document


def _number(conn: Connection, call: CallOverview) -> Number:
    """The business number of the call, of a leg that of its parent's."""
    eldest = _eldest(conn, call)
    ours = eldest.to_number if eldest.direction == "inbound" else eldest.from_number
    return numbers.find(conn, ours) or unknown_number(ours)


def _may_record(rt: Runtime, conn: Connection, call: CallOverview, by: str | None) -> None:
    """Raises Problem 409 when nothing says that the parties agree."""
    family = call_overview.family(conn, call)
    parties = [call.from_number, call.to_number, *(leg.to_number for leg in family if leg.parent_call_sid)]
    policy = _number(conn, call).routing.recording
    recording_consent.settle(conn, rt.settings.law, call, parties, policy, by=by)


def _standing(conn: Connection, call: CallOverview) -> Taping:
    if call.call_sid is None or call.status in CALL_FINAL:
        return Taping()
    running = [
        (one.announced_at, one.recording_sid)
        for one in recordings.of_call(conn, call.call_sid)
        if one.state == "announced"
    ]
    return standing(call_controls.of(conn, [call.call_sid]), running)


def _changes(word: str, stands: Taping) -> bool:
    """Whether there is anything to do. Raises Problem 409 for a pause of nothing."""
    if word in ("pause", "resume") and not stands.is_on:
        raise _wrong_state("The call is not being recorded.")
    match word:
        case "start":
            return not stands.is_on
        case "stop":
            return stands.is_on
        case "pause":
            return not stands.is_paused
        case _:
            return stands.is_paused


def _wrong_state(detail: str) -> Problem:
    return Problem(409, "wrong-state", "Not possible in this state", detail)
