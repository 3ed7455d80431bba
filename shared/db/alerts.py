"""Alerts: what Twilio complained of, by its debugger or by using a fallback address."""

from datetime import datetime
from typing import Literal

from psycopg import Connection

Source = Literal["debugger", "call-fallback", "msg-fallback"]


def keep(
    conn: Connection,
    *,
    event_key: str,
    source: Source,
    level: Literal["error", "warning"],
    code: int | None,
    account_sid: str,
    at: datetime,
    sid: str | None = None,
    resource_sid: str | None = None,
    url: str | None = None,
) -> None:
    """Keeps one alert. `at` is when Twilio saw it, `url` the address it complains of."""
    conn.execute(
        """
        insert into alerts (event_key, source, sid, level, code, resource_sid, url, account_sid, at)
        values (%(key)s, %(source)s, %(sid)s, %(level)s, %(code)s, %(resource)s, %(url)s, %(account)s, %(at)s)
        on conflict (event_key) do nothing
        """,
        {
            "key": event_key,
            "source": source,
            "sid": sid,
            "level": level,
            "code": code,
            "resource": resource_sid,
            "url": url,
            "account": account_sid,
            "at": at,
        },
    )
