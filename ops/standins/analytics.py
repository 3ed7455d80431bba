"""Knows what as-analytics-core-service counts: every event by its type, hours of its own, and the hours it is told.

Both are about the same things, counted in two ways: by us from our rows (`report.hourly`), and here from the events alone. What
events cannot tell is left out: a text that was called back has none, and whose call was answered is not known by its end.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

REPORT = "report.hourly"
# What is counted from events, and has the same name in a report.
COUNTED = ("calls", "missed", "texts_received", "texts_delivered", "texts_undelivered", "texts_failed", "texts_refused")

Hour = tuple[str | None, str]


@dataclass(frozen=True)
class Difference:
    """One number of one tenant's hour that a report says otherwise than the events."""

    tenant_id: str | None
    hour: str
    name: str
    reported: int
    counted: int


@dataclass
class Figures:
    """`texts`: of each the tenant, the hour and what became of it, as it was told last."""

    by_type: Counter[str] = field(default_factory=Counter)
    hours: dict[Hour, Counter[str]] = field(default_factory=dict)
    texts: dict[str, tuple[Hour, str]] = field(default_factory=dict)
    reports: dict[Hour, dict[str, object]] = field(default_factory=dict)

    def hear(self, event_type: str, data: object) -> None:
        """One event, once."""
        self.by_type[event_type] += 1
        if not isinstance(data, dict):
            return
        if event_type == REPORT:
            self._keep(data)
        elif event_type in ("call.incoming", "call.missed"):
            self._count(_hour(data, "started_at"), "calls" if event_type == "call.incoming" else "missed")
        elif event_type == "sms.received":
            self._count(_hour(data, "received_at"), "texts_received")
        elif event_type.startswith("sms."):
            self.texts[str(data.get("message_id"))] = (_hour(data, "created_at"), _end(data))

    def counted(self) -> dict[Hour, Counter[str]]:
        """From events alone, texts by what became of each."""
        found = {hour: Counter(words) for hour, words in self.hours.items()}
        for hour, end in self.texts.values():
            found.setdefault(hour, Counter())[end] += 1
        return found

    def differences(self) -> list[Difference]:
        """Of the hours that were reported."""
        return [*_differences(self.reports, self.counted())]

    def _keep(self, data: dict[str, object]) -> None:
        """The highest revision counts, alone."""
        hour = _hour(data, "hour")
        known = self.reports.get(hour)
        if known is None or int(str(data["revision"])) >= int(str(known["revision"])):
            self.reports[hour] = data

    def _count(self, hour: Hour, word: str) -> None:
        self.hours.setdefault(hour, Counter())[word] += 1


def _hour(data: Mapping[str, object], name: str) -> Hour:
    tenant = data.get("tenant_id")
    at = datetime.fromisoformat(str(data[name])).astimezone(UTC)
    return (None if tenant is None else str(tenant)), at.strftime("%Y-%m-%dT%H")


def _end(data: Mapping[str, object]) -> str:
    """The column of a report that a text belongs to. One that goes again as another text has its end all the same."""
    status = data.get("status")
    if status == "failed" and data.get("message_sid") is None:
        return "texts_refused"
    if status in ("delivered", "read"):
        return "texts_delivered"
    return f"texts_{status}" if status in ("undelivered", "failed") else "texts_open"


def _differences(
    reports: Mapping[Hour, Mapping[str, object]], counted: Mapping[Hour, Mapping[str, int]]
) -> Iterable[Difference]:
    for (tenant, hour), report in reports.items():
        mine = counted.get((tenant, hour), {})
        for name in COUNTED:
            if int(str(report[name])) != mine.get(name, 0):
                yield Difference(tenant, hour, name, int(str(report[name])), mine.get(name, 0))
