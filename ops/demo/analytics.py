"""The story of the one who counts: as-analytics-core-service has heard of everything that happened, signed and in order.

What happened is read from the simulator's own books and from the service's list of calls, never from what was told.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ops.demo.check import need, until
from ops.demo.stage import Stage
from ops.demo_world import ANALYTICS_SUBSCRIBER, BURST_CUSTOMER

# By how far along they are, as Twilio's pages tell; of its ends any may stand.
STATUSES = (
    "accepted", "scheduled", "queued", "initiated", "ringing", "sending", "in-progress", "sent", "canceled", "no-answer",
    "failed", "busy", "completed", "undelivered", "delivered",
)  # fmt: skip
ENDS = ("completed", "busy", "failed", "no-answer", "canceled")
TEXT_STEPS = ("sent", "delivered", "undelivered", "failed")

Fact = tuple[str, str]  # its type and whom it is about


def analytics(stage: Stage) -> str:
    happened = {*_facts(_posted(stage)), *_rushed(stage)}
    need(happened, "nothing has happened")
    told = until(lambda: _told(stage, happened), "analytics hears of everything")
    orders = _orders(told)
    for sid, statuses in orders.items():
        places = [STATUSES.index(status) for status in statuses if status in STATUSES]
        need(places == sorted(places), f"{sid} went {statuses}")
    refused = [fate for fate in stage.standins.json("GET", "/standin/ns-delivery").values() if fate["refused"]]
    need(not refused, f"ns-delivery was told backwards: {refused}")
    return f"{len(happened)} facts, all told and signed; {len(orders)} calls and texts, each in its order"


def _posted(stage: Stage) -> list[Mapping[str, Any]]:
    """What Twilio has posted in this performance and was answered well."""
    sent = stage.simulator.json("GET", "/sim/webhooks")["data"]
    return [one for one in sent if one["sent_ns"] >= stage.began_ns and one["outcome"] == "ok" and not one["tamper"]]


def _facts(posted: Sequence[Mapping[str, Any]]) -> Iterator[Fact]:
    """What must have been told of these webhooks."""
    for webhook in posted:
        kind, params = webhook["kind"], webhook["params"]
        if urlsplit(webhook["url"]).path == "/api/calls/incoming":
            yield "call.incoming", params["CallSid"]
        elif kind == "call-status":
            yield ("call.completed" if params["CallStatus"] in ENDS else "call.status"), params["CallSid"]
        elif kind == "sms":
            yield "sms.received", params["MessageSid"]
        elif kind == "message-status" and params["MessageStatus"] in TEXT_STEPS:
            yield f"sms.{params['MessageStatus']}", params["MessageSid"]
        elif kind == "recording-status" and params["RecordingStatus"] == "completed":
            yield "recording.available", params["RecordingSid"]


def _rushed(stage: Stage) -> Iterator[Fact]:
    """The rush was posted by the demo itself: its calls are the service's newest."""
    rushed = stage.service.json("GET", "/api/calls", params={"from": BURST_CUSTOMER, "limit": 50})["data"]
    return (("call.completed", call["call_sid"]) for call in rushed)


def _told(stage: Stage, happened: set[Fact]) -> list[Any]:
    told = stage.received(ANALYTICS_SUBSCRIBER)
    missing = happened - {(event["type"], _sid(event["data"])) for event in told}
    need(not missing, f"{len(missing)} of {len(happened)} untold: {sorted(missing)[:3]}")
    unsigned = [event for event in told if not event["verified"]]
    need(not unsigned, f"not signed rightly: {unsigned[:1]}")
    return told


def _orders(told: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The statuses of each call and each text of ours, as they came."""
    orders: dict[str, list[str]] = defaultdict(list)
    for event in sorted(told, key=lambda event: event["order"]):
        if event["type"].startswith(("call.", "sms.")) and "status" in event["data"]:
            orders[_sid(event["data"])].append(event["data"]["status"])
    return orders


def _sid(data: Mapping[str, Any]) -> str:
    """What it is about: a recording names its call too."""
    return str(data.get("recording_sid") or data.get("message_sid") or data.get("call_sid"))
