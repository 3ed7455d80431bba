"""The story of a call that is answered: its status callbacks end it as completed, and each is known exactly once."""

from collections import Counter

from ops.demo.check import need, until
from ops.demo.facts import ended, processed, webhooks_done
from ops.demo.stage import Stage
from ops.demo_world import ANSWERED_CUSTOMER, BUSINESS, OWNER


def answered_call(stage: Stage) -> str:
    stage.phone(OWNER, answers="answer", answer_after_s=2, talk_s=6)
    call_sid = stage.place_call(ANSWERED_CUSTOMER, BUSINESS)
    call = until(lambda: ended(stage, call_sid), "the call is completed")
    need(call["decision"] == "answered", f"decided as {call['decision']}")
    until(lambda: webhooks_done(stage, call_sid), "Twilio has told everything")
    keys = [f"call-in:{call_sid}", *_status_keys(stage, call_sid)]
    events = until(lambda: processed(stage, call_sid, *keys), "every callback is processed")
    kinds = Counter(event["kind"] for event in events)
    need(kinds["call-in"] == 1 and kinds["dial"] == 1, f"events {dict(kinds)}")
    missed = stage.as_call()["calls"].get(call_sid, {}).get("missed_count")
    need(not missed, "as-call-service was told that the call was missed")
    return f"completed, {len(events)} events: " + ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))


def _status_keys(stage: Stage, call_sid: str) -> list[str]:
    """What the status callbacks of this call are called, from the simulator's own books."""
    sent = [webhook["params"] for webhook in stage.webhooks(call_sid)]
    statuses = {p["CallStatus"] for p in sent if p.get("CallbackSource") == "call-progress-events"}
    need("completed" in statuses, f"status callbacks: {sorted(statuses)}")
    return [f"call-status:{call_sid}:{status}" for status in sorted(statuses)]
