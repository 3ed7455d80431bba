"""Wishes about live calls: where one is sent, and whether it is recorded. Those of one call are fulfilled in their order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from psycopg import Connection

from shared import log
from shared.db import call_controls, call_overview, call_steps, recordings
from shared.db.call_controls import Action, Control, State
from shared.db.jobs import Job
from shared.domain.call_taping import recording_to_change
from shared.domain.status import CALL_FINAL
from shared.domain.urls import Urls
from shared.errors import Permanent, TwilioServerError
from shared.twilio.client import CALL_NOT_LIVE, CURRENT, NOT_FOUND
from workers.context import WorkerRuntime

# The call, or its recording, was over before we came: nobody's fault.
_OVERTAKEN_BY: Final = frozenset({CALL_NOT_LIVE, NOT_FOUND})
_STATUS_OF: Final = {"record-pause": "paused", "record-resume": "in-progress", "record-stop": "stopped"}


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a wish."""

    control: Control
    state: State
    account_sid: str = ""
    recording_sid: str | None = None
    code: int | None = None


def run(rt: WorkerRuntime, job: Job) -> Came | None:
    """Does what was asked, if the call still lives; None when that was settled before. Raises outcomes."""
    with rt.db.connection() as conn:
        control = call_controls.find(conn, job.ref)
        call = call_overview.find(conn, control.call_sid) if control else None
        if control is None or control.state != "requested":
            return None
        current = recording_to_change(call_controls.of(conn, [control.call_sid]), _running(conn, control.call_sid))
    if call is not None and call.status in CALL_FINAL:
        return Came(control, "overtaken")
    try:
        sid = _do(rt, control, current, is_first=job.attempts == 1)
    except Permanent as refused:
        if refused.twilio_code not in _OVERTAKEN_BY or _is_early(rt, control, refused):
            raise
        return Came(control, "overtaken", code=refused.twilio_code)
    return Came(control, "done", rt.settings.twilio_account_sid, sid)


def finish(conn: Connection, results: Sequence[tuple[Job, Came | None]]) -> None:
    """Writes down what came of each."""
    for _, came in results:
        if came is not None:
            _write(conn, came)


def give_up(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """Twilio refuses it, or was away for too long."""
    code = outcome.twilio_code if isinstance(outcome, Permanent) else None
    control = call_controls.find(conn, job.ref)
    if control is not None and call_controls.finish(conn, control.id, "refused", code=code, reason=outcome.reason):
        _step(conn, control, "refused")
        log.get().warning("call_control_refused", call_sid=control.call_sid, action=control.action, twilio_code=code)


def _is_early(rt: WorkerRuntime, control: Control, refused: Permanent) -> bool:
    """Twilio says "not live" of a call that still rings, too: that one was not overtaken. Raises Transient, Permanent."""
    return refused.twilio_code == CALL_NOT_LIVE and rt.twilio.call_status(control.call_sid) not in CALL_FINAL


def _do(rt: WorkerRuntime, control: Control, current: str | None, *, is_first: bool) -> str | None:
    if control.action == "redirect":
        rt.twilio.redirect_call(control.call_sid, control.args["twiml"])
        return None
    if control.action != "record-start":
        sid = current or CURRENT
        rt.twilio.change_recording(control.call_sid, sid, _STATUS_OF[control.action])
        return None if sid == CURRENT else sid
    if not is_first and (made := _made_before(rt, control)):
        return made
    return rt.twilio.start_recording(control.call_sid, status_callback=_callback(rt, control))


def _made_before(rt: WorkerRuntime, control: Control) -> str | None:
    """An attempt whose answer was lost may have begun a recording: a second one would have everything twice."""
    with rt.db.connection() as conn:
        ours = {one.recording_sid for one in call_controls.of(conn, [control.call_sid])}
    return next((sid for sid in rt.twilio.recordings_started(control.call_sid) if sid not in ours), None)


def _callback(rt: WorkerRuntime, control: Control) -> str:
    return Urls(rt.settings.public_url).to("/api/webhooks/recording", call=control.call_sid)


def _running(conn: Connection, call_sid: str) -> list[tuple[datetime, str]]:
    return [
        (one.announced_at, one.recording_sid) for one in recordings.of_call(conn, call_sid) if one.state == "announced"
    ]


def _write(conn: Connection, came: Came) -> None:
    control, sid = came.control, came.recording_sid
    if not call_controls.finish(conn, control.id, came.state, recording_sid=sid, code=came.code):
        return
    if sid and control.action == "record-start":
        recordings.announce(
            conn, recording_sid=sid, call_sid=control.call_sid, account_sid=came.account_sid, state="announced",
            channels=2, source="StartCallRecordingAPI",
        )  # fmt: skip
    _step(conn, control, came.state)


def _step(conn: Connection, control: Control, state: State) -> None:
    action: Action = control.action
    detail = {"action": action, "state": state, "to": control.args.get("kind"), "client": control.client}
    call_steps.add(
        conn, control.call_sid, "control", name=f"{action}:{control.id}", at=datetime.now(UTC), detail=detail
    )
