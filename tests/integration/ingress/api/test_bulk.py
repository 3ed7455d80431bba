"""Bulks through the API: taken whole or not at all, told recipient by recipient, stopped, let go on and called off."""

import csv
import io
import json
from typing import Any
from uuid import UUID

import pytest

from shared.db import bulks
from shared.db.bulks import Bulk
from shared.runtime import Runtime

from .conftest import BUSINESS, CUSTOMER, Api, application, new_key
from .test_sms import hinted, rows

FIRST, SECOND, THIRD = "+12125550142", "+12125550143", "+12125550144"
BULK = {
    "from": BUSINESS,
    "body": "Hello {{name}}",
    "recipients": [{"to": FIRST, "variables": {"name": "Ann"}}, {"to": SECOND, "variables": {"name": "Bob"}}],
}
KEY = {"Idempotency-Key": "b-1"}


def one(rt: Runtime, query: Any, *values: Any) -> Any:
    ((value,),) = rows(rt, query, *values)
    return value


def test_a_bulk_is_kept_with_all_its_recipients_before_it_is_answered(api: Api, rt: Runtime):
    answer = api.post("/api/sms/bulk", json=BULK, headers=KEY)
    told = answer.get_json()
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/api/sms/bulk/{told['id']}")
    assert (told["state"], told["total"], told["expanded"], told["is_done"]) == ("running", 2, 0, False)
    assert told["counts"]["waiting"] == 2
    assert rows(rt, "select line, said ->> 'to', fault from bulk_items order by line") == [
        (0, FIRST, None),
        (1, SECOND, None),
    ]
    assert one(rt, "select request from bulks") == {"from": BUSINESS, "body": "Hello {{name}}"}
    [(job_id, ref)] = rows(rt, "select id, ref from jobs where kind = 'bulk.expand'")
    assert (ref, hinted(rt, "ticks")) == (told["id"], [job_id])
    assert api.get(f"/api/sms/bulk/{told['id']}").get_json() == told


def test_a_bulk_without_a_key_is_refused(api: Api, rt: Runtime):
    answer = api.post("/api/sms/bulk", json=BULK)
    assert (answer.status_code, answer.get_json()["type"]) == (400, "/problems/idempotency-key-required")
    assert rows(rt, "select 1 from bulks") == []


def test_the_same_bulk_again_is_one_bulk(api: Api, rt: Runtime):
    first, again = (api.post("/api/sms/bulk", json=BULK, headers=KEY) for _ in range(2))
    assert (again.status_code, again.data, again.headers["Idempotent-Replayed"]) == (202, first.data, "true")
    other = api.post("/api/sms/bulk", json=BULK | {"body": "Other"}, headers=KEY)
    assert (other.status_code, other.get_json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert one(rt, "select count(*) from bulks") == 1


def test_a_number_that_comes_twice_gets_one_text(api: Api, rt: Runtime):
    twice = BULK | {"recipients": [{"to": FIRST}, {"to": SECOND}, {"to": FIRST}]}
    bulk_id = api.post("/api/sms/bulk", json=twice, headers=KEY).get_json()["id"]
    items = api.get(f"/api/sms/bulk/{bulk_id}/items").get_json()["data"]
    assert [item["status"] for item in items] == ["waiting", "waiting", "fault"]
    assert items[2]["faults"] == [{"pointer": "#/to", "code": "duplicate", "detail": "line 0 has the same number"}]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"recipients": []}, "#/recipients"), ({"recipients": "x"}, "#/recipients"),
        ({"recipients": [{"to": FIRST}, 7]}, "#/recipients/1"), ({"from": "-"}, "#/from"), ({"tpurpose": "x"}, "#/tpurpose"),
        ({"send_at": "tomorrow"}, "#/send_at"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_whole_is_refused_at_once(api: Api, rt: Runtime, wrong: dict[str, Any], pointer: str):
    answer = api.post("/api/sms/bulk", json=BULK | wrong, headers=KEY)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.get_json()["errors"]] == [pointer]
    assert rows(rt, "select 1 from bulks") == []


def test_a_bulk_has_a_largest_number_of_recipients(rt: Runtime):
    api = Api(application(rt, bulk_most_recipients=2).test_client(), new_key(rt).text)
    assert api.post("/api/sms/bulk", json=BULK, headers=KEY).status_code == 202
    more = BULK | {"recipients": [{"to": FIRST}, {"to": SECOND}, {"to": THIRD}]}
    answer = api.post("/api/sms/bulk", json=more, headers={"Idempotency-Key": "b-2"})
    assert (answer.status_code, answer.get_json()["errors"][0]["code"]) == (422, "length")


def test_ten_thousand_recipients_fit_into_a_request(api: Api, rt: Runtime):
    people = [{"to": f"+1212{5550000 + n}", "variables": {"name": "x" * 200}} for n in range(10_000)]
    told = api.post("/api/sms/bulk", json=BULK | {"recipients": people}, headers=KEY).get_json()
    assert told["total"] == 10_000
    assert one(rt, "select count(*) from bulk_items") == 10_000


def test_only_a_bulk_may_be_so_large(api: Api):
    large = b"[" + b" " * 5_000_000 + b"]"
    for path in ("/api/sms/bulk", "/api/v1/sms/bulk"):
        assert api.post(path, data=large, content_type="application/json", headers=KEY).status_code == 413
        assert api.post(path, data=large[:70_000], content_type="application/json", headers=KEY).status_code == 400
    assert api.post("/api/sms/send", data=large[:70_000], content_type="application/json").status_code == 413


# --- as a table ---


def as_csv(
    api: Api, text: str, query: str = "from=%2B14155550100&body=Hello%20{{name}}&validity_s=60", **kwargs: Any
) -> Any:
    return api.post(f"/api/sms/bulk?{query}", data=text.encode(), content_type="text/csv", headers=KEY, **kwargs)


def test_a_table_is_a_bulk(api: Api, rt: Runtime):
    answer = as_csv(
        api,
        f'\ufeffto,name,media_urls\r\n{FIRST},"Ann, ""A""\nB",\r\n{SECOND},Bob,https://a.example/1 https://a.example/2\r\n',
    )
    assert (answer.status_code, answer.get_json()["total"]) == (202, 2)
    assert one(rt, "select request from bulks") == {"from": BUSINESS, "body": "Hello {{name}}", "validity_s": 60}
    assert rows(rt, "select said from bulk_items order by line") == [
        ({"to": FIRST, "variables": {"name": 'Ann, "A"\nB'}},),
        ({"to": SECOND, "variables": {"name": "Bob"}, "media_urls": ["https://a.example/1", "https://a.example/2"]},),
    ]


@pytest.mark.parametrize("text", ["", "name\nAnn\n", "to,to\n1,2\n", 'to\n"unclosed\n', "to,name\n+1,a\0b\n"])
def test_what_is_no_table_is_refused(api: Api, text: str):
    assert as_csv(api, text).status_code == 400


def test_a_table_without_lines_names_nobody(api: Api):
    assert as_csv(api, "to,name\n").status_code == 422


def test_the_query_of_a_table_is_checked_like_json(api: Api):
    answer = as_csv(api, f"to\n{FIRST}\n", "from=-&colour=red")
    assert {fault["pointer"] for fault in answer.get_json()["errors"]} == {"#/from", "#/colour"}


# --- how far it has come ---


def a_bulk(api: Api, rt: Runtime, *states: str) -> Bulk:
    """A bulk whose first recipients have a text in these states, and are expanded."""
    people = [{"to": f"+1212{5550100 + n}"} for n in range(len(states) + 1)]
    told = api.post("/api/sms/bulk", json=BULK | {"recipients": people}, headers=KEY).get_json()
    with rt.db.connection() as conn:
        bulk = bulks.find(conn, told["id"])
        assert bulk is not None
        made: list[tuple[int, Any]] = [(line, a_text(conn, bulk, state)) for line, state in enumerate(states)]
        bulks.expanded(conn, bulk, len(states), made)
    return bulk


def a_text(conn: Any, bulk: Bulk, state: str) -> UUID:
    status = {"delivered": "delivered", "undelivered": "undelivered", "handed": "sent"}.get(state)
    send_state = "handed" if status else "queued" if state == "held" else state
    return conn.execute(
        """
        with text as (
            insert into messages (direction, from_number, to_number, send_state, status, message_sid, bulk_id, held_until,
                                  expires_at)
            values ('outbound', '+14155550100', '+12125550142', %(send_state)s, %(status)s,
                    case when %(status)s::text is not null then gen_random_uuid()::text end, %(bulk)s,
                    case when %(state)s = 'held' then now() + interval '1 hour' end, now() + interval '1 hour')
            returning id),
        job as (
            insert into jobs (kind, ref, pace_key, lane, owner, turn, cost)
            select 'sms.send', id::text, '+14155550100', 2, 'crm', 1, 1 from text where %(send_state)s = 'queued')
        select id from text
        """,
        {"send_state": send_state, "status": status, "bulk": bulk.id, "state": state},
    ).fetchone()[0]


def test_its_recipients_are_counted_by_where_they_stand(api: Api, rt: Runtime):
    bulk = a_bulk(
        api,
        rt,
        "queued",
        "held",
        "sending",
        "unknown",
        "handed",
        "delivered",
        "undelivered",
        "refused",
        "canceled",
        "parked",
    )
    told = api.get(f"/api/sms/bulk/{bulk.id}").get_json()
    assert told["counts"] == {
        "waiting": 2, "held": 1, "sending": 2, "parked": 1, "handed": 1, "delivered": 1, "failed": 1, "refused": 1,
        "canceled": 1, "fault": 0,
    }  # fmt: skip


def test_its_items_come_in_pages_and_as_a_table(api: Api, rt: Runtime):
    bulk = a_bulk(api, rt, "queued", "delivered", "refused")
    path, lines = f"/api/sms/bulk/{bulk.id}/items?limit=3", []
    while path:
        page = api.get(path)
        lines += [(item["line"], item["status"]) for item in page.get_json()["data"]]
        path = page.headers["Link"].partition(">")[0][1:] if "Link" in page.headers else ""
    assert lines == [(0, "waiting"), (1, "delivered"), (2, "refused"), (3, "waiting")]
    table = api.get(f"/api/sms/bulk/{bulk.id}/items", headers={"Accept": "text/csv"})
    assert (table.mimetype, table.headers["Vary"]) == ("text/csv", "Accept")
    assert [(row["line"], row["status"]) for row in csv.DictReader(io.StringIO(table.text))] == [
        (str(line), status) for line, status in lines
    ]


def test_what_a_stranger_wrote_is_no_formula_in_the_table(api: Api, rt: Runtime):
    strangers = ["=1+1", "+1+cmd", "-x", "@sum(1)", "\t=1", "+12125550142", "-1"]
    answer = api.post("/api/sms/bulk", json=BULK | {"recipients": [{"to": to} for to in strangers]}, headers=KEY)
    table = api.get(f"{answer.headers['Location']}/items", headers={"Accept": "text/csv"})
    told = [row["to"] for row in csv.DictReader(io.StringIO(table.text, newline=""))]
    assert told == ["'=1+1", "'+1+cmd", "'-x", "'@sum(1)", "'\t=1", "+12125550142", "-1"]


@pytest.mark.parametrize("change", ["pause", "resume", "cancel"])
def test_a_change_under_a_key_is_made_once(api: Api, rt: Runtime, change: str):
    path = f"/api/sms/bulk/{a_bulk(api, rt, 'queued').id}/{change}"
    first, again = (api.post(path, headers={"Idempotency-Key": "c-1"}) for _ in range(2))
    assert (again.status_code, again.data, again.headers["Idempotent-Replayed"]) == (200, first.data, "true")
    assert api.post(path, headers={"Idempotency-Key": '"'}).status_code == 400
    assert api.post(path, json={"really": True}).get_json()["errors"][0]["pointer"] == "#/really"


def test_a_bulk_that_is_not_there_is_404(api: Api):
    nobody = "/api/sms/bulk/7b0f6f3e-0000-4c1e-9d56-0a4f4d1f0001"
    for path in (nobody, f"{nobody}/items"):
        assert api.get(path).status_code == 404
    assert api.post(f"{nobody}/pause").status_code == 404


def test_a_paused_bulk_lets_nothing_leave_until_it_is_resumed(api: Api, rt: Runtime):
    bulk = a_bulk(api, rt, "queued", "held")
    for _ in range(2):
        assert api.post(f"/api/sms/bulk/{bulk.id}/pause").get_json()["state"] == "paused"
    asleep = "select count(*) from jobs where kind = 'sms.send' and next_at = 'infinity' and not awake"
    assert one(rt, asleep) == 2
    rows(rt, "update bulks set updated_at = now() - interval '2 hours' returning 1")
    for _ in range(2):
        assert api.post(f"/api/sms/bulk/{bulk.id}/resume").get_json()["state"] == "running"
    assert one(rt, asleep) == 0
    due = "select count(*) from jobs join messages m on m.id::text = ref where next_at = greatest(m.held_until, jobs.next_at)"
    assert one(rt, due) == 2
    assert one(rt, "select bool_and(expires_at > now() + interval '2 hours') from messages")


def test_a_canceled_bulk_is_over_for_whoever_has_no_text_yet(api: Api, rt: Runtime):
    bulk = a_bulk(api, rt, "queued", "held", "sending", "delivered")
    told, again = (api.post(f"/api/sms/bulk/{bulk.id}/cancel").get_json() for _ in range(2))
    assert (told["state"], again) == ("canceled", told)
    counts = {name: count for name, count in told["counts"].items() if count}
    assert counts == {"canceled": 3, "sending": 1, "delivered": 1}
    assert one(rt, "select count(*) from jobs where kind = 'sms.send' and state = 'due'") == 0
    assert one(rt, "select count(*) from message_steps where step = 'canceled'") == 2
    assert api.post(f"/api/sms/bulk/{bulk.id}/resume").status_code == 409


def test_reading_and_sending_need_their_scopes(api: Api, rt: Runtime):
    bulk = a_bulk(api, rt, "queued")
    reader = Api(api.client, new_key(rt, scopes={"sms:read"}).text)
    assert reader.get(f"/api/sms/bulk/{bulk.id}").status_code == 200
    assert reader.post(f"/api/sms/bulk/{bulk.id}/cancel").status_code == 403
    assert reader.post("/api/sms/bulk", json=BULK, headers=KEY).status_code == 403


def test_what_was_said_of_a_recipient_is_kept_as_it_was(api: Api, rt: Runtime):
    odd = {
        "to": CUSTOMER,
        "body": "Grüße 👩‍👩‍👧‍👦 {{x}}",
        "variables": {"x": "'; drop table bulks;--"},
        "surprise": [1, None],
    }
    api.post("/api/sms/bulk", json=BULK | {"recipients": [odd]}, headers=KEY)
    assert json.loads(json.dumps(one(rt, "select said from bulk_items"))) == odd
