import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from shared.db import numbers
from shared.domain.routing import Routing
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, TENANT, event
from workers import housekeeping

STRANGER = "+14155550777"


@pytest.fixture
def pns(world):
    """pns-provisioning-service; it knows whom it was told of."""

    class Handler(BaseHTTPRequestHandler):
        status, owners, asked, refused = 200, {}, [], {}

        def do_GET(self):
            self.asked.append((self.path, self.headers["X-Service-Key"]))
            number = self.path.rpartition("/")[2].replace("%2B", "+")
            answer = self.owners.get(number, {"success": False, "error": {"code": "PHONE_NUMBER_NOT_FOUND"}})
            self.send_response(self.refused.get(number, self.status))
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            pass

    handler = type("Own", (Handler,), {"owners": {}, "asked": [], "refused": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    object.__setattr__(world.rt.settings, "pns_url", f"http://127.0.0.1:{server.server_port}")
    yield handler
    server.shutdown()
    server.server_close()


def tenant(world, number):
    return world.one("select tenant_id from numbers where phone_number = %s", number)


@pytest.mark.parametrize("inside", [True, False])
def test_the_owner_of_a_number_is_asked_for_and_read_in_either_spelling(world, pns, inside):
    owner = {"tenantId": "t-9", "phoneNumber": STRANGER, "status": "active"}
    pns.owners[STRANGER] = {"success": True, "data": owner} if inside else {"success": True, **owner}
    with world.rt.db.connection() as conn:
        numbers.note_unknown(conn, STRANGER)
    assert housekeeping.refresh_numbers(world.rt) == 2
    assert tenant(world, STRANGER) == "t-9"
    assert (f"/phone-numbers/lookup/%2B{STRANGER[1:]}", "platform-key") in pns.asked


def test_with_the_owner_of_a_number_its_calls_have_one(world, pns):
    pns.owners[STRANGER] = {"success": True, "data": {"tenantId": "t-9", "status": "active"}}
    facts = {"CallSid": "CA" + "1" * 32, "From": CUSTOMER, "To": STRANGER, "Direction": "inbound"}
    world.happens(event("call", CallStatus="ringing", **facts))
    housekeeping.refresh_numbers(world.rt)
    assert world.one("select tenant_id from calls") == "t-9"


def test_a_number_is_not_asked_for_again_within_the_hour(world, pns):
    housekeeping.refresh_numbers(world.rt)
    assert housekeeping.refresh_numbers(world.rt) == 0


def test_a_known_owner_is_not_forgotten_because_the_service_does_not_know(world, pns):
    housekeeping.refresh_numbers(world.rt)
    assert tenant(world, BUSINESS) == TENANT


def test_a_service_that_is_down_is_asked_again_next_time(world, pns):
    pns.status = 503
    assert housekeeping.refresh_numbers(world.rt) == 0
    pns.status = 200
    assert housekeeping.refresh_numbers(world.rt) == 1


def own(pns, number, tenant_id, status="active"):
    pns.owners[number] = {"success": True, "data": {"tenantId": tenant_id, "phoneNumber": number, "status": status}}


def refresh_again(world):
    world.rows("update numbers set pns_checked_at = now() - interval '2 hours' returning 1")
    return housekeeping.refresh_numbers(world.rt)


def number(world, phone_number):
    with world.rt.db.connection() as conn:
        return numbers.find(conn, phone_number)


def test_a_new_owner_is_a_new_version_and_the_status_is_kept(world, pns):
    before = number(world, BUSINESS)
    own(pns, BUSINESS, "t-9", "provisioned")
    housekeeping.refresh_numbers(world.rt)
    own(pns, BUSINESS, "t-9", "suspended")
    refresh_again(world)
    after = number(world, BUSINESS)
    assert (after.tenant_id, after.version, after.status) == ("t-9", before.version + 1, "suspended")
    assert after.routing == before.routing
    with world.rt.db.connection() as conn:
        assert [row.via for row in numbers.versions(conn, BUSINESS)] == ["platform", "seed"]


def test_a_number_that_changes_hands_rings_nobody_of_the_owner_before(world, pns):
    own(pns, BUSINESS, TENANT)
    housekeeping.refresh_numbers(world.rt)
    assert number(world, BUSINESS).routing.targets
    own(pns, BUSINESS, "t-9")
    refresh_again(world)
    assert (number(world, BUSINESS).tenant_id, number(world, BUSINESS).routing) == ("t-9", Routing())


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_number_that_the_service_takes_offence_at_holds_up_no_other(world, pns, status):
    odd = "+12" + "0" * 8
    with world.rt.db.connection() as conn:
        numbers.note_unknown(conn, odd)
    own(pns, odd, "t-8", "suspended")
    housekeeping.refresh_numbers(world.rt)
    pns.refused[odd] = status
    own(pns, BUSINESS, "t-9")
    assert refresh_again(world) == 1
    assert tenant(world, BUSINESS) == "t-9"
    assert (number(world, odd).tenant_id, number(world, odd).status) == ("t-8", "suspended")
    assert housekeeping.refresh_numbers(world.rt) == 0


@pytest.mark.parametrize("owner", ["", 7, None, ["t"]])
def test_an_owner_that_is_no_name_is_none(world, pns, owner):
    own(pns, BUSINESS, owner)
    housekeeping.refresh_numbers(world.rt)
    assert tenant(world, BUSINESS) == TENANT


def test_what_nobody_can_ask_for_any_more_is_deleted(world):
    world.rows(
        "insert into beat_slots (task, slot) values ('x', now() - interval '8 days'), ('x', now()) returning task"
    )
    world.rows(
        """
        insert into idempotency (client, method, path, key, fingerprint, created_at)
        values ('c', 'POST', '/p', 'old', '\\x00', now() - interval '40 days'), ('c', 'POST', '/p', 'new', '\\x00', now())
        returning key
        """
    )
    housekeeping.forget(world.rt)
    assert world.one("select count(*) from beat_slots") == 1
    assert world.one("select key from idempotency") == "new"
