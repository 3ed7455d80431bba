"""Reports: what became of our texts, as JSON, or as CSV for who asks for `text/csv`."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, Final

from flask import Blueprint, Response, request

from ingress.answer import Answer
from ingress.api import resources, schemas
from ingress.api.faults import invalid
from ingress.api.reading import query
from ingress.api.sheet import as_csv
from ingress.service_guard import require
from shared.db import delivery_report
from shared.db.delivery_report import MOST_LINES
from shared.runtime import Runtime

_LAST_DAY: Final = date.max - timedelta(days=1)  # the day after it must be one
_DEFAULT_DAYS: Final = 7
_MOST_DAYS: Final = 366  # one pass over a year of texts takes seconds; the other threads answer meanwhile


def blueprint(rt: Runtime) -> Blueprint:
    """The routes of reports, below /api."""
    routes = Blueprint("reports", __name__)
    routes.add_url_rule("/reports/delivery", "delivery", partial(delivery, rt))
    return routes


def delivery(rt: Runtime) -> Response:
    """How many texts arrived, and what they cost. Raises Problem 422 for too long a time or too many lines."""
    require(rt, "sms:read")
    asked = query(schemas.DELIVERY_REPORT)
    last = asked.get("last") or datetime.now(UTC).date()
    first = asked.get("first") or last - timedelta(days=_DEFAULT_DAYS - 1)
    if last > _LAST_DAY:
        raise _refused("to", "range", f"must be at most {_LAST_DAY}")
    if not timedelta(0) <= last - first < timedelta(days=_MOST_DAYS):
        raise _refused("from", "range", f"must be at most {_MOST_DAYS} days up to, and not after, `to`")
    since, until = (datetime.combine(day, time(0), UTC) for day in (first, last + timedelta(days=1)))
    with rt.db.connection() as conn:
        lines = delivery_report.lines(conn, since=since, until=until, by=asked["by"], tenant_id=asked.get("tenant_id"))
    if len(lines) > MOST_LINES:
        raise _refused("by", "length", f"makes more than {MOST_LINES} lines: ask for less")
    shown = [resources.delivery(line) for line in lines]
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        return _csv(shown)
    told = {"from": first.isoformat(), "to": last.isoformat(), "by": asked["by"], "data": shown}
    return Answer(200, told, {"Vary": "Accept"}).response()


def _csv(rows: Sequence[dict[str, Any]]) -> Response:
    """Prices of several currencies share a cell."""
    shown = [
        row | {"prices": "; ".join(f"{unit} {price}" for unit, price in sorted(row["prices"].items()))} for row in rows
    ]
    text = as_csv(resources.DELIVERY_FIELDS, shown)
    return Response(text, 200, {"Vary": "Accept"}, content_type="text/csv; charset=utf-8")


def _refused(parameter: str, code: str, detail: str) -> Exception:
    return invalid([{"parameter": parameter, "code": code, "detail": detail}])
