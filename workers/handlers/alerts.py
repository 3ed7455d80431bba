"""What Twilio complains of: a page that failed, an address it could not reach."""

from typing import Final

from psycopg import Connection

from shared import log, metrics
from shared.db import alerts
from shared.domain import loose_json
from shared.domain.doors import failed_door
from shared.domain.event import Event
from shared.domain.event_keys import Kind
from workers import payloads
from workers.payloads.fields import Code

FALLBACKS: Final[frozenset[Kind]] = frozenset({"call-fallback", "msg-fallback"})
KINDS: Final[frozenset[Kind]] = frozenset({*FALLBACKS, "debugger"})
# Twilio's codes have five digits; whatever else comes must not become a label each.
_HIGHEST_CODE: Final = 99_999
_LONGEST_URL: Final = 2_048


def debugger(conn: Connection, event: Event) -> str:
    """Twilio's debugger reports an error or a warning."""
    said = payloads.read(event)
    about = loose_json.members(said["about"] or "")
    request = loose_json.below(loose_json.below(about, "webhook"), "request")
    more = loose_json.below(about, "more_info")
    alerts.keep(
        conn,
        event_key=event.key,
        source="debugger",
        sid=said["sid"],
        level="warning" if said["level"] == "WARNING" else "error",
        code=_code(event),
        resource_sid=loose_json.scalar(about, "resource_sid")[:64] or None,
        url=(loose_json.scalar(request, "url") or loose_json.scalar(more, "url"))[:_LONGEST_URL] or None,
        account_sid=event.account_sid,
        at=said["at"] or event.received_at,
    )
    return "noted"


def fallback(conn: Connection, event: Event) -> None:
    """Twilio came by the fallback address: the first one failed, for the reason it gives."""
    posted = event.params
    alerts.keep(
        conn,
        event_key=event.key,
        source="msg-fallback" if event.kind == "msg-fallback" else "call-fallback",
        level="error",
        code=_code(event),
        resource_sid=event.sids[0] if event.sids else None,
        url=posted.get("ErrorUrl", "")[:_LONGEST_URL] or None,
        account_sid=event.account_sid,
        at=event.received_at,
    )


def tell(event: Event) -> None:
    """Counts and logs an alert, by its code alone: its words may hold what people wrote."""
    code = _code(event)
    label = "none" if code is None else str(code) if code <= _HIGHEST_CODE else "other"
    metrics.TWILIO_ALERTS.labels(label).inc()
    if event.kind in FALLBACKS:
        failed = failed_door(event.params) or "unknown"
        metrics.FALLBACKS_USED.labels(event.kind, failed).inc()
        log.get().error("fallback_used", source=event.kind, failed=failed, code=code)
        return
    log.get().warning("twilio_alerted", source=event.kind, code=code)


def _code(event: Event) -> int | None:
    """The debugger's is in its JSON, in one of two places."""
    about = loose_json.members(event.params.get("Payload", ""))
    more = loose_json.below(about, "more_info")
    return Code.of(
        event.params.get("ErrorCode") or loose_json.scalar(about, "error_code") or loose_json.scalar(more, "ErrorCode")
    )
