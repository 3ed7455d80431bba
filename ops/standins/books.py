"""Knows everything the stand-ins were told and everything that happened to them, in memory, under one lock."""

from collections import deque
from dataclasses import dataclass, field
from threading import Lock

from ops.standins.analytics import Figures
from ops.standins.conversations import Conversation
from ops.standins.deliveries import Subscriber
from ops.standins.engine import Engine
from ops.standins.faults import Faults
from ops.standins.ns_delivery import Fates
from ops.standins.ways import Ways

# A load run must not fill the memory: about 20 MB of the newest requests are kept.
KEPT_REQUESTS = 20_000


@dataclass
class Call:
    """One call as as-call-service remembers it. `incoming_count` and `missed_count` tell how often we were told."""

    id: str
    call_sid: str
    tenant_id: str
    customer_phone: str
    business_phone: str
    direction: str
    status: str
    incoming_count: int = 1
    missed_count: int = 0
    missed_status: str | None = None
    duration_s: int | None = None
    ended_at: str | None = None
    conversation_id: str | None = None
    sms_triggered: bool = False
    is_texting: bool = False


@dataclass
class Books:
    """The one state of the process. Take `lock` for every read and write, and never call out while holding it."""

    ts_url: str
    service_key: str
    lock: Lock = field(default_factory=Lock)
    calls: dict[str, Call] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    requests: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=KEPT_REQUESTS))
    requests_count: int = 0
    numbers: dict[str, dict[str, str]] = field(default_factory=dict)
    subscribers: dict[str, Subscriber] = field(default_factory=dict)
    fates: Fates = field(default_factory=Fates)
    figures: Figures = field(default_factory=Figures)
    faults: Faults = field(default_factory=Faults)
    ways: Ways = field(default_factory=Ways)
    engine: Engine = field(default_factory=Engine)

    def subscriber(self, name: str) -> Subscriber:
        return self.subscribers.setdefault(name, Subscriber(name))

    def note_request(self, entry: dict[str, object]) -> None:
        with self.lock:
            self.requests_count += 1
            self.requests.append({"order": self.requests_count, **entry})

    def forget(self) -> None:
        """Forget what happened. What we were told to be stays: numbers, ways and the subscribers' secrets."""
        with self.lock:
            self.calls.clear()
            self.conversations.clear()
            self.requests.clear()
            self.requests_count = 0
            self.fates, self.figures = Fates(), Figures()
            self.faults.clear()
            self.engine.heard.clear()
            for subscriber in self.subscribers.values():
                subscriber.forget()
