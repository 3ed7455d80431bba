"""Numbers in the store: versions, what changed since a snapshot, and what pns-provisioning-service says."""

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from shared.db import numbers
from shared.db.numbers import VersionConflict
from shared.domain.routing import Number, Routing, Target, forwards

A, B, C = "+14155550100", "+14155550101", "+14155550102"
OWNER, OTHER = "+14155550111", "+14155550112"
DEADLINE_S = 45


@pytest.fixture
def conn(database_url):
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def connect(database_url):
    opened = []

    def connect():
        opened.append(psycopg.connect(database_url))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


@pytest.fixture
def wait_for_lock(conn):
    """Does something in a thread, and goes on once it waits for a lock; the answer is how to get its outcome."""
    with ThreadPoolExecutor(1) as pool:

        def wait_for_lock(its, do):
            doing = pool.submit(do)
            waits = "select 1 from pg_locks where pid = %s and not granted"
            until(lambda: conn.execute(waits, (its.info.backend_pid,)).fetchone())
            return lambda: doing.result(timeout=DEADLINE_S)

        yield wait_for_lock


def until(fact):
    ends = time.monotonic() + DEADLINE_S
    while not fact():
        assert time.monotonic() < ends, "it did not come to pass"
        time.sleep(0.01)


def names(found):
    return sorted(each.phone_number for each in found)


def break_routing(conn, number, document='{"targets": 7}'):
    conn.execute("update numbers set routing = %s where phone_number = %s", (document, number))


def read_to_the_end(conn, since):
    """The versions seen until nothing is new. Other tests' transactions, on the same server, let some be read twice."""
    seen, found = {}, None
    ends = time.monotonic() + DEADLINE_S
    while found != []:
        assert time.monotonic() < ends, "it never comes to an end"
        found, since = numbers.snapshot(conn, since)
        seen |= {each.phone_number: each.version for each in found}
    return seen, since


class TestSnapshot:
    def test_the_first_has_all_and_the_next_what_changed(self, conn):
        for number in (A, B, C):
            numbers.put(conn, Number(number, "t"))
        seen, since = read_to_the_end(conn, None)
        assert seen == {A: 1, B: 1, C: 1}
        numbers.put(conn, Number(B, "t", forwards(OWNER)))
        found, since = numbers.snapshot(conn, since)
        assert found == [Number(B, "t", forwards(OWNER), version=2)]
        read_to_the_end(conn, since)

    def test_of_no_numbers_it_says_where_to_go_on(self, conn):
        found, since = numbers.snapshot(conn, None)
        numbers.put(conn, Number(A, "t"))
        assert (found, names(numbers.snapshot(conn, since)[0])) == ([], [A])

    @pytest.mark.parametrize("first_to_commit", ["older", "younger"])
    def test_of_two_overlapping_transactions_neither_is_missed_whichever_commits_first(
        self, conn, connect, first_to_commit
    ):
        for number in (A, B):
            numbers.put(conn, Number(number, "t"))
        _, since = read_to_the_end(conn, None)
        older, younger = connect(), connect()
        numbers.put(older, Number(A, "t", forwards(OWNER)))
        numbers.put(younger, Number(B, "t", forwards(OWNER)))
        seen = {}
        for each in (older, younger) if first_to_commit == "older" else (younger, older):
            found, since = numbers.snapshot(conn, since)
            seen |= {number.phone_number: number.version for number in found}
            each.commit()
        assert seen | read_to_the_end(conn, since)[0] == {A: 2, B: 2}

    def test_a_change_that_was_under_way_through_many_snapshots_is_seen_once_it_is_committed(self, conn, connect):
        numbers.put(conn, Number(A, "t"))
        slow = connect()
        numbers.put(slow, Number(A, "t", forwards(OWNER)))
        _, since = numbers.snapshot(conn, None)
        for turn in range(3):
            numbers.put(conn, Number(B, f"t{turn}"))
            found, since = numbers.snapshot(conn, since)
            assert {each.phone_number: each.version for each in found}[B] == turn + 1
        slow.commit()
        assert {each.phone_number: each.version for each in numbers.snapshot(conn, since)[0]} == {A: 2, B: 3}

    def test_what_is_rolled_back_is_not_seen(self, conn, connect):
        numbers.put(conn, Number(A, "t"))
        _, since = read_to_the_end(conn, None)
        undone = connect()
        numbers.put(undone, Number(A, "t", forwards(OWNER)))
        assert numbers.snapshot(conn, since)[0] == []
        undone.rollback()
        assert numbers.snapshot(conn, since)[0] == []

    def test_a_mark_of_another_server_brings_all(self, conn):
        numbers.put(conn, Number(A, "t"))
        assert names(numbers.snapshot(conn, str(2**62))[0]) == [A]

    def test_a_status_is_a_change_too(self, conn):
        numbers.put(conn, Number(A, "t"))
        _, since = numbers.snapshot(conn, None)
        numbers.note_owner(conn, A, tenant_id="t", status="suspended")
        assert [each.status for each in numbers.snapshot(conn, since)[0]] == ["suspended"]

    @pytest.mark.parametrize("stored", ['{"targets": 7}', '{"hours": {"zone": "Mars/Base", "week": {}}}',
                                        '{"ring_s": "long"}', '{"strategy": "by mood"}'])  # fmt: skip
    def test_a_document_that_cannot_be_read_stops_no_other_and_leaves_its_number_with_voicemail(self, conn, stored):
        numbers.put(conn, Number(A, "t", forwards(OWNER)))
        numbers.put(conn, Number(B, "t", forwards(OWNER)))
        break_routing(conn, A, stored)
        broken, good = sorted(numbers.snapshot(conn, None)[0], key=lambda each: each.phone_number)
        assert (broken.phone_number, broken.tenant_id, broken.routing) == (A, "t", Routing())
        assert good.routing == forwards(OWNER)
        assert numbers.every(conn) == [broken, good]


class TestVersions:
    def test_each_change_is_a_version_with_who_made_it(self, conn):
        assert numbers.put(conn, Number(A, "t"), by="ann", via="cli", note="new") == 1
        assert numbers.put(conn, Number(A, "t", forwards(OWNER)), by="crm", via="api") == 2
        told = [(row.version, row.changed_by, row.via, row.note) for row in numbers.versions(conn, A)]
        assert told == [(2, "crm", "api", None), (1, "ann", "cli", "new")]
        assert [row.version for row in numbers.versions(conn, A, limit=5, before=2)] == [1]
        assert [row.version for row in numbers.versions(conn, A, limit=1)] == [2]

    def test_the_same_again_is_no_version(self, conn):
        assert [numbers.put(conn, Number(A, "t", forwards(OWNER))) for _ in range(3)] == [1, 1, 1]
        assert len(numbers.versions(conn, A)) == 1

    def test_who_has_read_an_older_version_does_not_overwrite_a_newer(self, conn):
        numbers.put(conn, Number(A, "t"))
        numbers.put(conn, Number(A, "t", forwards(OWNER)), expected_version=1)
        with pytest.raises(VersionConflict) as refused:
            numbers.put(conn, Number(A, "t", forwards(OTHER)), expected_version=1)
        assert refused.value.current == 2
        assert numbers.find(conn, A) == Number(A, "t", forwards(OWNER), version=2)

    def test_a_change_whose_answer_was_lost_may_be_asked_for_again(self, conn):
        numbers.put(conn, Number(A, "t"))
        for _ in range(2):
            assert numbers.put(conn, Number(A, "t", forwards(OWNER)), expected_version=1) == 2

    @pytest.mark.parametrize(("expected", "current"), [(1, 0), (7, 0)])
    def test_a_number_that_is_not_there_has_no_version(self, conn, expected, current):
        with pytest.raises(VersionConflict) as refused:
            numbers.put(conn, Number(A, "t"), expected_version=expected)
        assert refused.value.current == current
        assert numbers.put(conn, Number(A, "t"), expected_version=0) == 1

    def test_of_two_who_change_the_same_version_at_once_one_wins(self, conn, connect, wait_for_lock):
        numbers.put(conn, Number(A, "t"))
        first, second = connect(), connect()
        numbers.put(first, Number(A, "t", forwards(OWNER)), expected_version=1)
        outcome = wait_for_lock(
            second, lambda: numbers.put(second, Number(A, "t", forwards(OTHER)), expected_version=1)
        )
        first.commit()
        with pytest.raises(VersionConflict):
            outcome()
        assert numbers.find(conn, A) == Number(A, "t", forwards(OWNER), version=2)

    def test_of_two_who_make_the_same_number_at_once_the_second_makes_a_new_version(self, conn, connect, wait_for_lock):
        first, second = connect(), connect()
        numbers.put(first, Number(A, "t", forwards(OWNER)))
        outcome = wait_for_lock(second, lambda: numbers.put(second, Number(A, "t", forwards(OTHER))))
        first.commit()
        assert outcome() == 2
        second.commit()
        assert [row.version for row in numbers.versions(conn, A)] == [2, 1]

    def test_what_happened_cannot_be_rewritten(self, conn):
        numbers.put(conn, Number(A, "t"))
        for change in ("update number_versions set changed_by = 'nobody'", "delete from number_versions"):
            with pytest.raises(psycopg.errors.RaiseException, match="does not change"):
                conn.execute(change)


class TestPages:
    def test_numbers_come_in_order_page_by_page_and_by_tenant(self, conn):
        for number, tenant in ((C, "t"), (A, "t"), (B, "u")):
            numbers.put(conn, Number(number, tenant))
        assert names(numbers.page(conn, limit=2)) == [A, B]
        assert names(numbers.page(conn, limit=2, after=B)) == [C]
        assert names(numbers.page(conn, limit=9, tenant_id="t")) == [A, C]

    def test_a_number_of_nobody_is_not_found(self, conn):
        assert numbers.find(conn, A) is None


class TestOwners:
    def owner(self, conn, tenant, status="active"):
        return numbers.note_owner(conn, A, tenant_id=tenant, status=status)

    def test_a_number_that_a_call_came_to_gets_its_owner(self, conn):
        assert numbers.note_unknown(conn, A)
        assert not numbers.note_unknown(conn, A)
        assert self.owner(conn, "t")
        assert numbers.find(conn, A) == Number(A, "t", version=2, status="active")
        told = [(row.version, row.tenant_id, row.changed_by, row.via) for row in numbers.versions(conn, A)]
        assert told == [(2, "t", "pns-provisioning-service", "platform"), (1, None, "twilio", "platform")]

    @pytest.mark.parametrize("tenant", ["t", None])
    def test_the_same_owner_or_none_is_no_version(self, conn, tenant):
        numbers.put(conn, Number(A, "t", forwards(OWNER)))
        assert not self.owner(conn, tenant, "suspended")
        assert numbers.find(conn, A) == Number(A, "t", forwards(OWNER), version=1, status="suspended")

    def test_an_owner_whom_only_we_had_named_is_corrected_and_the_routing_stays(self, conn):
        numbers.put(conn, Number(A, "a slip", forwards(OWNER)))
        assert self.owner(conn, "t")
        assert numbers.find(conn, A) == Number(A, "t", forwards(OWNER), version=2, status="active")

    def test_an_owner_whom_we_set_against_the_service_is_corrected_and_the_routing_stays(self, conn):
        numbers.put(conn, Number(A, "t"))
        self.owner(conn, "t")
        numbers.put(conn, Number(A, "a slip", forwards(OWNER)))
        assert self.owner(conn, "t")
        assert numbers.find(conn, A) == Number(A, "t", forwards(OWNER), version=3, status="active")

    def test_who_gets_a_number_of_somebody_else_does_not_get_his_phones(self, conn):
        numbers.put(conn, Number(A, "t", Routing(targets=(Target(OWNER),), greeting="Tom's Pipes")))
        self.owner(conn, "t")
        self.owner(conn, None, "released")
        assert self.owner(conn, "u")
        assert numbers.find(conn, A) == Number(A, "u", Routing(), version=2, status="active")
        assert "changed hands" in (numbers.versions(conn, A)[0].note or "")

    def test_what_was_set_for_the_next_owner_before_the_service_knew_of_him_stays(self, conn):
        numbers.put(conn, Number(A, "t", forwards(OWNER)))
        self.owner(conn, "t")
        numbers.put(conn, Number(A, "u", forwards(OTHER)))
        assert not self.owner(conn, "u")
        assert numbers.find(conn, A) == Number(A, "u", forwards(OTHER), version=2, status="active")
