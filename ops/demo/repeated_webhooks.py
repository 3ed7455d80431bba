"""The story of a webhook that comes twice: answered again, and without a second effect."""

from typing import Any

from ops.demo.check import need, until
from ops.demo.facts import ended, processed, webhooks_done
from ops.demo.stage import Stage
from ops.demo_world import ANALYTICS_SUBSCRIBER, RECORDED, RECORDED_OWNER


def repeated_webhooks(stage: Stage) -> str:
    stage.phone(RECORDED_OWNER, answers="answer", answer_after_s=2, talk_s=4)
    call_sid = stage.place_call(stage.repeated_caller, RECORDED)
    until(lambda: ended(stage, call_sid), "the call is completed")
    sent = until(lambda: webhooks_done(stage, call_sid), "Twilio has told everything")
    before = until(lambda: _with_its_recording(stage, call_sid), "every callback is processed")
    sent = sent + _about_its_recording(stage, call_sid)
    for webhook in sent:
        stage.simulator.json("POST", f"/sim/webhooks/{webhook['id']}/repeat")
    until(lambda: webhooks_done(stage, call_sid), "the repeats are answered")
    _everything_so_far_is_done(stage)
    after = stage.events(call_sid)
    need(len(after) == len(before), f"{len(before)} events have become {len(after)}")
    until(lambda: _told_once(stage, call_sid), "as-call-service knows the call")
    told = [_happening(event) for event in stage.received(ANALYTICS_SUBSCRIBER) if _speaks_of(event, call_sid)]
    need(len(told) == len(set(told)), f"notified: {told}")
    return f"{len(sent)} webhooks repeated; still {len(after)} events, one call told, no notification twice"


def _with_its_recording(stage: Stage, call_sid: str) -> list[Any]:
    """The last callback of the recording comes some time after the call is over, and belongs to its events."""
    events = processed(stage, call_sid)
    is_ready = any(event["kind"] == "rec" and event["key"].endswith(":completed") for event in events)
    need(is_ready, f"{len(events)} events, the recording is not ready")
    return events


def _about_its_recording(stage: Stage, call_sid: str) -> list[Any]:
    recordings = stage.simulator.json("GET", f"/sim/calls/{call_sid}")["recordings"]
    return [webhook for recording in recordings for webhook in stage.webhooks(recording["sid"])]


def _everything_so_far_is_done(stage: Stage) -> None:
    """Nothing to wait for shows that nothing happened; so something new is sent after it, and waited for."""
    text_sid = stage.write_text(stage.repeated_caller, RECORDED, f"Nothing else, thanks ({stage.mark})")
    until(lambda: processed(stage, text_sid, f"msg-in:{text_sid}"), "what was sent after the repeats is processed")
    until(lambda: _notified(stage, text_sid), "what was sent after the repeats is told")


def _told_once(stage: Stage, call_sid: str) -> None:
    call = stage.as_call()["calls"].get(call_sid, {"incoming_count": 0, "missed_count": 0})
    need((call["incoming_count"], call["missed_count"]) == (1, 0), f"as-call-service was told {call}")


def _happening(event: dict[str, Any]) -> tuple[str, str, str]:
    """What a notification tells; the dialled leg is a call of its own."""
    told = event["data"]
    return event["type"], told.get("call_sid", ""), told.get("status", "")


def _notified(stage: Stage, sid: str) -> None:
    seen = [event for event in stage.received(ANALYTICS_SUBSCRIBER) if _speaks_of(event, sid)]
    need(seen and all(event["verified"] for event in seen), f"notified: {seen}")


def _speaks_of(event: dict[str, object], sid: str) -> bool:
    return sid in str(event["data"])
