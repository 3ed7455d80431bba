"""What became of texts, counted over real rows."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from shared.db import delivery_report

MAY = datetime(2026, 5, 1, tzinfo=UTC)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def conn(database_url):
    with psycopg.connect(database_url, autocommit=True) as opened:
        opened.execute("set time zone 'Pacific/Auckland'")  # a day of the report is UTC's whatever the session's is
        yield opened


def text(conn, *, at=MAY, send_state="handed", **more):
    """A row as it is after its life."""
    given = {"direction": "outbound", "to_number": "+1", "send_state": send_state, "created_at": at, "tenant_id": "a",
             "message_sid": conn.execute("select gen_random_uuid()::text").fetchone()[0], **more}  # fmt: skip
    columns = ", ".join(given)
    values = ", ".join(["%s"] * len(given))
    conn.execute(f"insert into messages ({columns}) values ({values})", list(given.values()))


def lines(conn, *by, **more):
    return delivery_report.lines(conn, since=MAY, until=JUNE, by=by, **more)


def test_every_text_is_counted_once_by_what_became_of_it(conn):
    for status in ("delivered", "read", "undelivered", "failed", "canceled", "sent", "partially_delivered", "accepted",
                   "scheduled", "queued", "sending", None):  # fmt: skip
        text(conn, status=status)
    for send_state in ("queued", "sending", "unknown", "parked", "canceled", "refused"):
        text(conn, send_state=send_state)
    (line,) = lines(conn)
    assert (line.delivered, line.undelivered, line.failed, line.canceled, line.refused) == (2, 1, 1, 2, 1)
    assert (line.sent, line.queued, line.unsettled, line.texts) == (2, 7, 2, 18)
    assert line.delivery_ratio == 0.5  # what is only sent counts neither way


def test_without_an_end_there_is_no_ratio(conn):
    text(conn, status="sent")
    assert lines(conn)[0].delivery_ratio is None


def test_prices_are_added_up_by_currency_and_exactly(conn):
    text(conn, status="delivered", segments=2, price="-0.0158", price_unit="USD")
    text(conn, status="failed", segments=1, price="-0.0079", price_unit="USD")
    text(conn, status="sent", segments=1, price="-0.006", price_unit="EUR")
    text(conn, status="sent", price="-0.001")
    text(conn, status="queued")
    (line,) = lines(conn)
    assert line.prices == {"USD": "-0.023700", "EUR": "-0.006000", "?": "-0.001000"}
    assert line.segments == 4


def test_lines_are_told_apart_by_day_tenant_and_error(conn):
    text(conn, status="delivered", at=MAY + timedelta(hours=23, minutes=59))
    text(conn, status="undelivered", error_code=30003, at=MAY)
    text(conn, status="undelivered", error_code=30003, at=MAY + timedelta(days=1))
    text(conn, status="failed", error_code=30007, tenant_id=None)
    assert [(line.day, line.texts) for line in lines(conn, "day")] == [(date(2026, 5, 1), 3), (date(2026, 5, 2), 1)]
    assert [(line.tenant_id, line.texts) for line in lines(conn, "tenant")] == [(None, 1), ("a", 3)]
    assert [(line.error_code, line.texts) for line in lines(conn, "error")] == [(None, 1), (30003, 2), (30007, 1)]
    assert len(lines(conn, "tenant", "day", "error")) == 4
    assert [line.texts for line in lines(conn, tenant_id="a")] == [3]


def test_only_outgoing_texts_of_the_time_asked_for_count(conn):
    text(conn, status="delivered", at=MAY - timedelta(microseconds=1))
    text(conn, status="delivered", at=JUNE)
    text(conn, status="received", direction="inbound", send_state=None)
    assert lines(conn, "day") == []


def test_a_receipt_from_before_the_request_counts_as_no_time(conn):
    at = MAY + timedelta(minutes=5, seconds=40)
    text(conn, status="delivered", at=at, carrier_done_at=MAY + timedelta(minutes=5))
    text(conn, status="delivered", at=at, sending_since=at, carrier_done_at=MAY + timedelta(minutes=5))
    assert lines(conn)[0].carrier_s_median == 0
    text(conn, status="delivered", at=at, carrier_done_at=at + timedelta(seconds=80))
    assert (lines(conn)[0].carrier_s_median, lines(conn)[0].carrier_s_p95) == (0, 72)


def test_a_contradicted_text_is_counted_where_it_stands_and_told(conn):
    text(conn, status="delivered", is_conflicted=True)
    assert (lines(conn)[0].delivered, lines(conn)[0].conflicted) == (1, 1)


def test_an_error_code_is_told_with_its_class_and_what_it_says(conn):
    for code in (30003, 99999, None):
        text(conn, status="undelivered", error_code=code)
    told = {line.error_code: (line.error_class, line.error_means) for line in lines(conn, "error")}
    assert told == {
        30003: ("recipient", "the handset is off, out of reach, or gone"), 99999: ("config", None), None: (None, None),
    }  # fmt: skip
