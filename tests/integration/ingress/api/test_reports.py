"""The delivery report, through the API and the operator's tool."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from ops.cli import main
from shared.runtime import Runtime

from .conftest import TENANT, Api

TODAY = datetime.now(UTC).date()


@pytest.fixture(autouse=True)
def sent(rt: Runtime) -> None:
    """One text that arrived and one that did not, of one tenant; one of nobody long ago."""
    with rt.db.connection() as conn:
        conn.execute(
            """
            insert into messages (direction, to_number, send_state, message_sid, tenant_id, status, error_code, segments,
                                  price, price_unit, created_at)
            values ('outbound', '+1', 'handed', 'SM1', %(tenant)s, 'delivered', null, 2, -0.0158, 'USD', %(at)s),
                   ('outbound', '+1', 'handed', 'SM2', %(tenant)s, 'undelivered', 30003, 1, -0.0079, 'USD', %(at)s),
                   ('outbound', '+1', 'handed', 'SM3', null, 'sent', null, 1, null, null, %(at)s - interval '40 days')
            """,
            {"tenant": TENANT, "at": datetime.now(UTC)},
        )


def test_the_last_seven_days_by_day(api: Api):
    report = api.get("/api/reports/delivery").get_json()
    assert (report["to"], report["from"]) == (TODAY.isoformat(), (TODAY - timedelta(days=6)).isoformat())
    (line,) = report["data"]
    assert (line["delivered"], line["undelivered"], line["delivery_ratio"], line["segments"]) == (1, 1, 0.5, 3)
    assert (line["day"], line["prices"]) == (TODAY.isoformat(), {"USD": "-0.023700"})


def test_by_tenant_and_error_over_any_days(api: Api):
    first = TODAY - timedelta(days=41)
    report = api.get(f"/api/reports/delivery?from={first}&to={TODAY}&by=error,tenant").get_json()
    assert report["by"] == ["tenant", "error"]
    found = [(line["tenant_id"], line["error_code"], line["texts"]) for line in report["data"]]
    assert found == [(None, None, 1), (TENANT, None, 1), (TENANT, 30003, 1)]
    one = api.get(f"/api/reports/delivery?from={first}&tenant_id={TENANT}&by=tenant").get_json()
    assert [line["texts"] for line in one["data"]] == [2]


def test_as_a_table_for_who_asks_for_one(api: Api):
    answer = api.get("/api/reports/delivery?by=error", headers={"Accept": "text/csv"})
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["error_code"], row["texts"], row["prices"]) for row in rows] == [
        ("", "1", "USD -0.015800"), ("30003", "1", "USD -0.007900"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("from=2026-05-02&to=2026-05-01", "from"), ("from=2020-01-01&to=2026-05-01", "from"), ("from=yesterday", "from"),
     ("by=day,colour", "by"), ("by=", "by"), ("until=2026-05-01", "until"), ("tenant_id=", "tenant_id"),
     ("from=0001-01-01&to=0001-01-01", ""), ("to=9999-12-31", "to")],
)  # fmt: skip
def test_what_cannot_be_reported_is_refused_by_its_parameter(api: Api, query: str, parameter: str):
    answer = api.get(f"/api/reports/delivery?{query}")
    if not parameter:
        assert answer.get_json()["data"] == []
        return
    assert answer.status_code == 422
    assert [fault["parameter"] for fault in answer.get_json()["errors"]] == [parameter]


def test_the_operators_tool_tells_the_same(api: Api, rt: Runtime):
    done = CliRunner().invoke(
        main, ["report", "delivery", "--by", "error", "--json"], env={"TS_DATABASE_URL": rt.settings.database_url}
    )
    assert done.exit_code == 0, done.output
    assert [(line["error_code"], line["texts"]) for line in json.loads(done.stdout)] == [(None, 1), (30003, 1)]
