import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from shared.db import numbers
from tests.integration.workers.conftest import BUSINESS, TENANT
from workers import housekeeping

STRANGER = "+14155550777"


@pytest.fixture
def pns(world):
    """pns-provisioning-service; it knows whom it was told of."""

    class Handler(BaseHTTPRequestHandler):
        status, owners, asked = 200, {}, []

        def do_GET(self):
            self.asked.append((self.path, self.headers["X-Service-Key"]))
            number = self.path.rpartition("/")[2].replace("%2B", "+")
            answer = self.owners.get(number, {"success": False, "error": {"code": "PHONE_NUMBER_NOT_FOUND"}})
            self.send_response(self.status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            pass

    handler = type("Own", (Handler,), {"owners": {}, "asked": []})
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
