import pytest

from shared.db import opt_outs
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, TENANT
from workers import contract

JOB = {
    "to": CUSTOMER,
    "from": BUSINESS,
    "body": "hello",
    "tenantId": TENANT,
    "client": "billing",
    "idempotency_key": "k1",
}


def test_a_job_from_the_queue_becomes_a_text_and_a_promise(world):
    assert contract.accept(world.rt, JOB, "task-1") == "accepted"
    assert world.rows("select client, idempotency_key, to_number, tenant_id, send_state from messages") == [
        ("billing", "k1", CUSTOMER, TENANT, "queued")
    ]
    assert world.work("sms.send") == ["done"]


def test_the_same_job_again_is_no_second_text(world):
    contract.accept(world.rt, JOB, "task-1")
    assert contract.accept(world.rt, JOB, "task-2") == "known"
    keyless = {name: value for name, value in JOB.items() if name != "idempotency_key"}
    assert contract.accept(world.rt, keyless, "task-3") == "accepted"
    assert contract.accept(world.rt, keyless, "task-3") == "known"
    assert world.one("select count(*) from messages") == 2


def test_a_job_without_a_sender_goes_out_from_the_tenants_number(world):
    contract.accept(world.rt, {name: value for name, value in JOB.items() if name != "from"}, "t")
    assert world.one("select from_number from messages") == BUSINESS


def test_a_job_that_a_rule_forbids_is_kept_as_refused_and_told(world):
    with world.rt.db.connection() as conn:
        opt_outs.add(conn, number=CUSTOMER, scope="*", source="api")
    assert contract.accept(world.rt, JOB, "task-1") == "refused"
    assert contract.accept(world.rt, JOB, "task-2") == "known"
    assert world.rows("select send_state, error_reason, decision from messages") == [
        ("refused", "not_permitted", "refused")
    ]  # fmt: skip
    assert world.one("select count(*) from notifications where type = 'sms.failed'") == 1
    assert world.one("select count(*) from jobs where kind = 'sms.send'") == 0
    assert world.one("select count(*) from set_aside") == 0


def test_a_job_says_all_that_a_request_may_say(world):
    more = {"purpose": "transactional", "sendAt": "2020-01-01T00:00:00Z", "validityPeriod": 60, "onUnknown": "park"}
    assert contract.accept(world.rt, JOB | more, "task-1") == "accepted"
    assert world.rows(
        "select purpose, lane, on_unknown, extract(epoch from expires_at - created_at) < 120 from messages"
    ) == [("transactional", 1, "park", True)]
    assert contract.accept(world.rt, JOB | {"idempotency_key": "k2"}, "task-2") == "accepted"
    assert world.one("select purpose from messages where idempotency_key = 'k2'") == "conversation"


@pytest.mark.parametrize(
    "bad",
    [
        None, [], "text", {}, {**JOB, "body": "a\0b"}, {**JOB, "client": "\ud800"}, {**JOB, "idempotency_key": "\0"},
        {**JOB, "to": "+266696687"}, {**JOB, "from": "-"},
        {**JOB, "to": "911"}, {**JOB, "body": "x" * 1601}, {**JOB, "surprise": 1},
        {name: value for name, value in JOB.items() if name != "client"},
        {**{name: value for name, value in JOB.items() if name != "from"}, "tenantId": "stranger"},
    ],
)  # fmt: skip
def test_a_bad_job_is_set_aside_with_its_reason_and_never_retried(world, bad):
    assert contract.accept(world.rt, bad, "t") == "rejected"
    assert world.one("select count(*) from messages") == 0
    assert world.one("select reason from set_aside").startswith("sms job: ")
