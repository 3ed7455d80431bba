"""Recordings from the command line: custody, rot that was planted in the store, and webhooks that never came."""

import io
import json
import wave
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.twilio.client import TwilioClient
from tests.integration.workers.conftest import ACCOUNT
from tests.integration.workers.conftest import event as happened

SUB, CALL = "AC" + "5b" * 16, "CA" + "1" * 32


def sid(number):
    return f"RE{number:032x}"


def wav(seconds=1):
    out = io.BytesIO()
    with wave.open(out, "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(8000)
        audio.writeframes(bytes(range(256)) * int(seconds * 62.5))
    return out.getvalue()


class Handler(BaseHTTPRequestHandler):
    """Twilio's list in pages of two, single recordings, and their sound."""

    held: dict[str, list[dict] | None]

    def do_GET(self):
        url = urlsplit(self.path)
        account, name = url.path.split("/")[3], url.path.rpartition("/")[2]
        held = self.held.get(account, [])
        if held is None:
            return self.answer(401, {"code": 20003, "message": "authenticate", "status": 401})
        if name == "Recordings.json":
            start = int(parse_qs(url.query).get("Page", ["0"])[0]) * 2
            more = f"{url.path}?Page={start // 2 + 1}" if held[start + 2 :] else None
            return self.answer(200, {"recordings": held[start : start + 2], "next_page_uri": more, "page": start // 2})
        found = next((each for each in held if name.startswith(each["sid"])), None)
        if found is None:
            return self.answer(404, {"code": 20404, "message": "not found", "status": 404})
        return self.answer(200, found if name.endswith(".json") else wav())

    def answer(self, status, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "audio/x-wav" if isinstance(body, bytes) else "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def listed(number, account=ACCOUNT.sid, status="completed", duration="1"):
    return {"sid": sid(number), "account_sid": account, "call_sid": CALL, "status": status, "duration": duration,
            "channels": 1, "source": "DialVerb", "date_created": format_datetime(datetime.now(UTC)),
            "date_updated": format_datetime(datetime.now(UTC)), "start_time": format_datetime(datetime.now(UTC))}  # fmt: skip


@pytest.fixture
def held(world, cli):
    """What Twilio has, by account."""
    handler = type("Held", (Handler,), {"held": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    chosen, url = world.rt.settings, f"http://127.0.0.1:{server.server_port}"
    object.__setattr__(chosen, "twilio_api_url", url)
    object.__setattr__(chosen, "twilio_accounts", {SUB: ("b" * 32,)})
    cli.environ |= {
        "TS_TWILIO_API_URL": url, "TS_TWILIO_ACCOUNTS": f"{SUB}={'b' * 32}", "TS_S3_ENDPOINT_URL": chosen.s3_endpoint_url,
        "TS_S3_BUCKET": chosen.s3_bucket, "TS_S3_ACCESS_KEY_ID": chosen.s3_access_key_id,
        "TS_S3_SECRET_ACCESS_KEY": chosen.s3_secret_access_key, "TS_S3_ENCRYPTION": chosen.s3_encryption,
    }  # fmt: skip
    object.__setattr__(world.rt, "twilio", TwilioClient(chosen))
    yield handler.held
    server.shutdown()
    server.server_close()


@pytest.fixture
def stored(world, held):
    """One recording, stored: its key."""
    held[ACCOUNT.sid] = [listed(1)]
    world.happens(happened("recording", RecordingSid=sid(1), RecordingStatus="completed", CallSid=CALL,
                           RecordingChannels="1", RecordingDuration="1", RecordingSource="DialVerb"))  # fmt: skip
    assert world.work("recording.fetch") == ["done"]
    return world.one("select object_key from recordings")


def plant(world, key, content):
    store = world.rt.store
    if content is None:
        store.client.delete_object(Bucket=store.settings.s3_bucket, Key=key)
    else:
        store.client.put_object(Bucket=store.settings.s3_bucket, Key=key, Body=content)


FLIPPED = wav()[:9000] + bytes([wav()[9000] ^ 1]) + wav()[9001:]


@pytest.mark.parametrize(
    ("content", "kind"),
    [(FLIPPED, "changed"), (wav()[:5000], "truncated"), (None, "missing"), (wav(1)[::-1], "changed")],
)
def test_rot_is_found_told_once_and_repaired(cli, world, stored, tmp_path, content, kind):
    assert cli.json("recordings", "verify", "--all")["damaged"] == 0
    plant(world, stored, content)
    found = cli.json("recordings", "verify", "--all", "--repair", status=1)
    assert (found["recordings"], found["repair"]) == ({sid(1): kind}, [sid(1)])
    cli("recordings", "verify", sid(1), status=1)
    assert world.rows("select source, resource_sid from alerts") == [("recording-damaged", sid(1))]
    assert world.one("select count(*) from audit where action = 'recording.verified'") == 1
    cli("recordings", "get", sid(1), "-o", str(tmp_path / "a.wav"), "--purpose", "test", status=1)
    assert list(tmp_path.iterdir()) == []
    assert world.work("recording.fetch") == ["done"]
    assert cli.json("recordings", "verify", "--all")["damaged"] == 0
    assert world.one("select count(*) from alerts where resolved_at is null") == 0


def test_sound_is_taken_out_with_a_purpose_and_custody_shown(cli, stored, tmp_path):
    out = tmp_path / "a.wav"
    cli("recordings", "get", sid(1), "-o", str(out), "--purpose", "dispute 7")
    assert out.read_bytes() == wav()
    cli("recordings", "get", sid(1), "-o", str(out), "--purpose", "dispute 7", status=1)
    shown = cli.json("recordings", "show", sid(1))
    assert (shown["state"], shown["jobs"][0]["state"], shown["audit"][0]["purpose"]) == ("stored", "done", "dispute 7")
    assert [one["recording_sid"] for one in cli.json("recordings", "list", "--state", "stored")] == [sid(1)]


def test_rot_that_nobody_noted_yet_is_not_handed_out(cli, world, stored, tmp_path):
    plant(world, stored, FLIPPED)
    cli("recordings", "get", sid(1), "-o", str(tmp_path / "a.wav"), "--purpose", "test", status=1)
    assert list(tmp_path.iterdir()) == []
    assert world.one("select damage from recordings") == "changed"
    assert world.rows("select source, resource_sid from alerts") == [("recording-damaged", sid(1))]
    assert world.work("recording.fetch") == ["done"]
    cli("recordings", "get", sid(1), "-o", str(tmp_path / "a.wav"), "--purpose", "test")
    assert (tmp_path / "a.wav").read_bytes() == wav()


def test_missing_objects_are_strays(cli, world, stored):
    assert cli.json("recordings", "verify", "--strays") == {"unnamed": [], "missing": []}
    plant(world, stored, None)
    assert cli.json("recordings", "verify", "--strays", status=1)["missing"] == [stored]


def test_webhooks_that_were_lost_are_made_good_for_every_page_and_account(cli, world, held):
    held[ACCOUNT.sid], held[SUB] = [listed(n) for n in range(1, 6)], [listed(9, SUB)]
    assert len(cli.json("recordings", "reconcile", status=1)) == 6
    assert world.one("select count(*) from recordings") == world.one("select count(*) from audit") == 0
    with ThreadPoolExecutor(3) as pool:
        from shared.twilio.client import TwilioClient
        from workers import recording_audit

        def once():
            since = datetime.now(UTC) - recording_audit.WINDOW
            return list(recording_audit.reconcile(world.rt.db.connection, TwilioClient(world.rt.settings), since=since,
                                                  actor="test"))  # fmt: skip

        assert sum(len(each.result()) for each in [pool.submit(once) for _ in range(3)]) == 6
    assert cli.json("recordings", "reconcile", "--fix") == []
    assert world.one("select count(*) from audit where action = 'recording.reconciled'") == 6
    assert world.one("select count(*) from jobs where kind = 'recording.fetch'") == 6
    assert set(world.rows("select state, account_sid from recordings")) == {
        ("available", ACCOUNT.sid),
        ("available", SUB),
    }


def test_what_differs_is_told_and_what_nobody_has_is_alarmed_once(cli, world, held, stored):
    held[ACCOUNT.sid] = [listed(1, duration="9")]
    (told,) = cli.json("recordings", "reconcile", "--fix", status=1)
    assert (told["action"], told["detail"]) == ("differs", "duration_s 9, here 1")
    world.happens(happened("recording", RecordingSid=sid(2), RecordingStatus="in-progress", CallSid=CALL))
    world.rows("update recordings set announced_at = now() - interval '1 hour' returning 1")
    held[ACCOUNT.sid] = []
    found = cli.json("recordings", "reconcile", "--fix", status=1)
    assert {one["recording_sid"]: one["action"] for one in found} == {sid(1): "gone", sid(2): "lost"}
    assert cli.json("recordings", "reconcile", "--fix") == []
    assert world.rows("select source, resource_sid from alerts") == [("recording-lost", sid(2))]


REMOVED = "AC" + "6d" * 16


@pytest.mark.parametrize("trouble", ["refused", "removed"])
def test_trouble_with_one_account_ends_the_round_of_that_account_only(cli, world, held, trouble):
    """Its list is refused, or it is none of ours any more: what is lost elsewhere is found all the same, and said."""
    object.__setattr__(world.rt.settings, "twilio_accounts", {SUB: ("b" * 32,)})
    other = SUB if trouble == "refused" else REMOVED
    held[ACCOUNT.sid], held[SUB] = [listed(3)], None if trouble == "refused" else []
    for number, account in ((1, other), (2, ACCOUNT.sid)):
        told = happened("recording", RecordingSid=sid(number), RecordingStatus="in-progress", CallSid=CALL)
        world.happens(replace(told, account_sid=account))
    world.rows("update recordings set announced_at = now() - interval '1 hour' returning 1")
    found = cli.json("recordings", "reconcile", "--fix", status=1)
    assert {one["recording_sid"]: one["action"] for one in found} == {sid(3): "fetch", sid(2): "lost"}
