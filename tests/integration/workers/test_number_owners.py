"""The owners of numbers, asked of pns-provisioning-service: one of this file's own, the stand-in, and hostile ones."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests

from ops.standins.app import build
from ops.standins.hostile import Hostile
from ops.standins.server import listen
from shared.db import numbers
from shared.domain.routing import Routing
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, TENANT, event
from workers import number_owners

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
    assert number_owners.refresh(world.rt) == 2
    assert tenant(world, STRANGER) == "t-9"
    assert (f"/phone-numbers/lookup/%2B{STRANGER[1:]}", "platform-key") in pns.asked


def test_with_the_owner_of_a_number_its_calls_have_one(world, pns):
    pns.owners[STRANGER] = {"success": True, "data": {"tenantId": "t-9", "status": "active"}}
    facts = {"CallSid": "CA" + "1" * 32, "From": CUSTOMER, "To": STRANGER, "Direction": "inbound"}
    world.happens(event("call", CallStatus="ringing", **facts))
    number_owners.refresh(world.rt)
    assert world.one("select tenant_id from calls") == "t-9"


def test_a_number_is_not_asked_for_again_within_the_hour(world, pns):
    number_owners.refresh(world.rt)
    assert number_owners.refresh(world.rt) == 0


def test_a_known_owner_is_not_forgotten_because_the_service_does_not_know(world, pns):
    number_owners.refresh(world.rt)
    assert tenant(world, BUSINESS) == TENANT


def test_a_service_that_is_down_is_asked_again_next_time(world, pns):
    pns.status = 503
    assert number_owners.refresh(world.rt) == 0
    pns.status = 200
    a_while_passes(world)
    assert number_owners.refresh(world.rt) == 1


def own(pns, number, tenant_id, status="active"):
    pns.owners[number] = {"success": True, "data": {"tenantId": tenant_id, "phoneNumber": number, "status": status}}


def refresh_again(world):
    world.rows("update numbers set pns_checked_at = now() - interval '2 hours' returning 1")
    return number_owners.refresh(world.rt)


def number(world, phone_number):
    with world.rt.db.connection() as conn:
        return numbers.find(conn, phone_number)


def test_a_new_owner_is_a_new_version_and_the_status_is_kept(world, pns):
    before = number(world, BUSINESS)
    own(pns, BUSINESS, "t-9", "provisioned")
    number_owners.refresh(world.rt)
    own(pns, BUSINESS, "t-9", "suspended")
    refresh_again(world)
    after = number(world, BUSINESS)
    assert (after.tenant_id, after.version, after.status) == ("t-9", before.version + 1, "suspended")
    assert after.routing == before.routing
    with world.rt.db.connection() as conn:
        assert [row.via for row in numbers.versions(conn, BUSINESS)] == ["platform", "seed"]


def test_a_number_that_changes_hands_rings_nobody_of_the_owner_before(world, pns):
    own(pns, BUSINESS, TENANT)
    number_owners.refresh(world.rt)
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
    number_owners.refresh(world.rt)
    pns.refused[odd] = status
    own(pns, BUSINESS, "t-9")
    assert refresh_again(world) == 1
    assert tenant(world, BUSINESS) == "t-9"
    assert (number(world, odd).tenant_id, number(world, odd).status) == ("t-8", "suspended")
    assert number_owners.refresh(world.rt) == 0


@pytest.mark.parametrize("owner", ["", 7, None, ["t"]])
def test_an_owner_that_is_no_name_is_none(world, pns, owner):
    own(pns, BUSINESS, owner)
    number_owners.refresh(world.rt)
    assert tenant(world, BUSINESS) == TENANT


def a_while_passes(world):
    """So long that the service is asked again after a failure."""
    world.rt.redis.delete(number_owners.ROUND)


def ask_at(world, url):
    object.__setattr__(world.rt.settings, "pns_url", url)


@pytest.fixture
def standin(world) -> Iterator[str]:
    """The platform's service as the stand-in plays it: BUSINESS is a tenant's, and active."""
    server = listen(build("http://127.0.0.1:9", "platform-key"), "127.0.0.1", 0)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    ask_at(world, f"{url}/pns")
    provision(url, BUSINESS, OWNER_ID)
    yield url
    server.shutdown()
    server.server_close()


OWNER_ID, NEXT_ID = "7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0001", "7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0002"


def provision(url, phone_number, tenant_id, status="active"):
    document = {"tenantId": tenant_id, "status": status}
    requests.put(f"{url}/standin/pns/{phone_number}", json=document, timeout=10).raise_for_status()


def trouble(url, **fault):
    requests.put(f"{url}/standin/faults", json={"pns": fault or []}, timeout=10).raise_for_status()


def known(world, phone_number=BUSINESS):
    found = number(world, phone_number)
    return found.tenant_id, found.status


def test_the_platforms_answer_is_kept_and_a_move_is_followed(world, standin):
    assert number_owners.refresh(world.rt) == 1
    assert known(world) == (OWNER_ID, "active")
    provision(standin, BUSINESS, NEXT_ID, "provisioned")
    assert refresh_again(world) == 1
    assert known(world) == (NEXT_ID, "provisioned")
    assert number(world, BUSINESS).routing == Routing()


@pytest.mark.parametrize(
    "fault",
    [{"status": 500}, {"status": 503}, {"status": 401}, {"status": 302}, {"is_cut": True}, {"status": 200},
     {"status": 0, "delay_s": 5, "when": "after"}],
    ids=["500", "503", "401", "redirect", "cut", "success-false", "hangs"],
)  # fmt: skip
def test_whatever_is_wrong_with_the_service_the_last_known_owner_stays(world, standin, fault):
    number_owners.refresh(world.rt)
    object.__setattr__(world.rt.downstream, "deadline_s", 0.3)
    trouble(standin, times=1, **fault)
    assert refresh_again(world) == 0
    assert known(world) == (OWNER_ID, "active")
    assert number_owners.refresh(world.rt) == 0  # it is let be for a while
    a_while_passes(world)
    assert number_owners.refresh(world.rt) == 1


JUNK = [
    b"<html>It works!</html>", b"", b"[]", b"null", b"{}", b'"active"', b'{"success": true}', b'{"success": true, "data": []}',
    b'{"success": true, "data": {"tenantId": "t-9", "phoneNumber": "+14155550999", "status": "active"}}',
    b'{"success": false}', b'{"success": false, "error": {"code": "INTERNAL_ERROR"}}', b'{"success": false, "error": "x"}',
    b'{"error": {"code": "PHONE_NUMBER_NOT_FOUND"}}',
]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK)
def test_what_is_no_answer_changes_nothing(world, standin, junk):
    provision(standin, BUSINESS, OWNER_ID, "suspended")
    number_owners.refresh(world.rt)

    def says(us, peer):
        us.read(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(junk), junk))

    with Hostile(says) as hostile:
        ask_at(world, f"http://{hostile.host}:{hostile.port}")
        assert refresh_again(world) == 0
    assert known(world) == (OWNER_ID, "suspended")


@pytest.mark.parametrize(
    "way", ["close", "close_in_body", "reset", "garbage", "endless_headers", "close_at_once", "drip_body"]
)
def test_a_service_that_speaks_no_http_changes_nothing(world, standin, way):
    number_owners.refresh(world.rt)
    object.__setattr__(world.rt.downstream, "deadline_s", 0.5)
    with Hostile(way) as hostile:
        ask_at(world, f"http://{hostile.host}:{hostile.port}")
        assert refresh_again(world) == 0
    assert known(world) == (OWNER_ID, "active")


def test_a_service_that_is_down_for_a_day_leaves_the_owners_as_they_were_and_their_age_is_told(world, standin):
    number_owners.refresh(world.rt)
    trouble(standin, status=503, times=None)
    world.rows("update numbers set pns_checked_at = now() - interval '1 day' returning 1")
    for _ in range(3):
        a_while_passes(world)
        assert number_owners.refresh(world.rt) == 0
    assert known(world) == (OWNER_ID, "active")
    with world.rt.db.connection() as conn:
        assert 86_400 <= numbers.oldest_check_s(conn) < 86_500
    facts = {"CallSid": "CA" + "1" * 32, "From": CUSTOMER, "To": BUSINESS, "Direction": "inbound"}
    world.happens(event("call", CallStatus="ringing", **facts))
    assert world.one("select tenant_id from calls") == OWNER_ID
    trouble(standin)
    a_while_passes(world)
    assert number_owners.refresh(world.rt) == 1
    with world.rt.db.connection() as conn:
        assert numbers.oldest_check_s(conn) < 60


def test_one_number_that_the_service_chokes_on_keeps_no_other_waiting(world, standin):
    with world.rt.db.connection() as conn:
        numbers.note_unknown(conn, STRANGER)
    world.rows(
        "update numbers set pns_checked_at = now() - interval '2 hours' where phone_number = %s returning 1", BUSINESS
    )
    trouble(standin, status=500, times=None, about=STRANGER[1:])
    assert number_owners.refresh(world.rt) == 0  # it was first in the row
    a_while_passes(world)
    assert number_owners.refresh(world.rt) == 1
    assert known(world)[0] == OWNER_ID


def test_one_round_is_under_way_at_a_time(world, standin):
    world.rt.redis.set(number_owners.ROUND, 1)
    assert number_owners.refresh(world.rt) == 0
    assert requests.get(f"{standin}/livez", timeout=10).ok
    assert known(world) == (TENANT, None)


def test_a_round_that_died_with_its_worker_holds_the_next_up_for_seconds_only(world, standin):
    number_owners.refresh(world.rt)
    assert world.rt.redis.get(number_owners.ROUND) is None
    trouble(standin, status=500)
    refresh_again(world)
    assert 0 < world.rt.redis.pttl(number_owners.ROUND) <= 30_000
