"""What a webhook says of where a recording lies is never asked for: through the real door, whatever is written there.

Only Twilio's own host is (here a media host on loopback), under an address made of the SIDs. Signed webhooks are Twilio's, but
whoever leaks the token must not get our network for it.
"""

import sys
from contextlib import contextmanager
from urllib.parse import urlencode, urlsplit

import pytest
from twilio.request_validator import RequestValidator

from ingress.app import create_app
from ingress.context import open_runtime
from shared.errors import Permanent
from shared.settings import load
from tests.integration.workers.conftest import ACCOUNT, BUSINESS, CUSTOMER
from tests.integration.workers.media_host import MediaHost, wav
from workers import events

CALL, SID = "CA" + "1" * 32, "RE" + "1" * 32
PUBLIC = "https://calls.example.com"
PATH = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Recordings/{SID}"
HOSTILE = [
    "{evil}" + PATH,
    "http://api.twilio.com@{evil_host}" + PATH,
    "https://api.twilio.com:x@{evil_host}" + PATH,
    "https://api.twilio.com.evil.example" + PATH,
    "https://api.twilio.com\\@{evil_host}" + PATH,
    "https://api.twilio.com#@{evil_host}" + PATH,
    "//{evil_host}" + PATH,
    "http://169.254.169.254/latest/meta-data/Recordings/" + SID,
    "http://[::1]:6379" + PATH,
    "http://0x7f000001:6379" + PATH,
    "http://10.0.0.1" + PATH,
    "https://api.twilio.com" + PATH + "/../../../../evil",
    "https://api.twilio.com/%2e%2e/%2e%2e" + PATH + "%2f..%2f..",
    "https://api.twilio.com/\r\nHost: {evil_host}\r\n" + PATH,
    "https://api.twilio.com\n.evil.example" + PATH,
    "javascript:fetch('{evil}')//Recordings/" + SID,
    "file:///etc/passwd?/Recordings/" + SID,
    "gopher://{evil_host}/_x/Recordings/" + SID,
    "https://api.twilio.com/" + "a/" * 6000 + "Recordings/" + SID,
    "\0" + PATH,
    "/Recordings/" + SID,
]


class Connections:
    """Where this process has connected to and what it has looked up, while it is watched."""

    def __init__(self):
        self.seen, self.is_on = set(), False
        sys.addaudithook(self._hook)  # for good: nobody can take one away

    @contextmanager
    def watched(self):
        self.seen, self.is_on = set(), True
        try:
            yield self.seen
        finally:
            self.is_on = False

    def _hook(self, name, values):
        if self.is_on and name == "socket.connect":
            self.seen.add(values[1][:2] if isinstance(values[1], tuple) else values[1])
        if self.is_on and name == "socket.getaddrinfo":
            self.seen.add((values[0], values[1]))


CONNECTIONS = Connections()


@pytest.fixture
def media(world):
    host = MediaHost()
    host.answers(wav(1).getvalue())
    object.__setattr__(world.rt.settings, "twilio_api_url", host.url)
    yield host
    host.close()


@pytest.fixture
def evil():
    host = MediaHost()
    host.answers(wav(1).getvalue())
    yield host
    host.close()


@pytest.fixture
def posted(world, tmp_path):
    """Posts a webhook, signed by Twilio's own SDK, to the whole ingress on the worker's stores; the answer's status."""
    chosen = world.rt.settings
    runtime = open_runtime(load({
        "TS_PUBLIC_URL": PUBLIC, "TS_REDIS_URL": chosen.redis_url, "TS_DATABASE_URL": chosen.database_url,
        "TWILIO_ACCOUNT_SID": ACCOUNT.sid, "TWILIO_AUTH_TOKEN": ACCOUNT.token, "TS_JOURNAL_DIR": str(tmp_path / "journal"),
    }))  # fmt: skip
    client = create_app(runtime).test_client()

    def post(path, **params):
        form = {"AccountSid": ACCOUNT.sid, "CallSid": CALL, **params}
        signature = RequestValidator(ACCOUNT.token).compute_signature(PUBLIC + path, form)
        answer = client.post(path, data=urlencode(form), headers={"X-Twilio-Signature": signature},
                             content_type="application/x-www-form-urlencoded")  # fmt: skip
        events.drain(world.rt)
        return answer.status_code

    yield post
    runtime.close()


def allowed(world, media):
    """The ports of our own stores and of the host that plays Twilio."""
    chosen = world.rt.settings
    return {("127.0.0.1", urlsplit(url).port) for url in (chosen.redis_url, chosen.s3_endpoint_url, media.url)}


@pytest.mark.parametrize("url", HOSTILE)
def test_the_posted_address_is_never_asked_and_twilios_is_by_the_sids(world, media, evil, posted, url):
    said = url.replace("{evil}", evil.url).replace("{evil_host}", urlsplit(evil.url).netloc)
    with CONNECTIONS.watched() as seen:
        status = posted("/api/webhooks/recording", RecordingSid=SID, RecordingStatus="completed", RecordingDuration="1",
                        RecordingUrl=said)  # fmt: skip
        outcomes = world.work("recording.fetch")
    assert (status, outcomes) == (204, ["done"])
    assert [asked.path.partition("?")[0] for asked in media.asked] == [f"{PATH}.wav"]
    assert evil.asked == []
    assert seen <= allowed(world, media)
    assert len(seen) > 1
    assert world.one("select state from recordings") == "stored"


@pytest.mark.parametrize("url", HOSTILE)
def test_a_voicemails_address_is_read_for_its_sid_and_never_asked(world, media, evil, posted, url):
    said = url.replace("{evil}", evil.url).replace("{evil_host}", urlsplit(evil.url).netloc)
    with CONNECTIONS.watched() as seen:
        status = posted("/api/calls/voicemail", RecordingUrl=said, RecordingDuration="1", CallStatus="completed",
                        Digits="hangup", From=CUSTOMER, To=BUSINESS, Direction="inbound")  # fmt: skip
        world.rows("update jobs set next_at = now(), created_at = now() - interval '1 hour' returning 1")
        world.work("recording.expect", "recording.fetch")
    assert status == 200
    assert {asked.path.partition("?")[0] for asked in media.asked} <= {f"{PATH}.wav"}
    assert evil.asked == []
    assert seen <= allowed(world, media)
    assert [sid for (sid,) in world.rows("select recording_sid from recordings")] in ([], [SID])


@pytest.mark.parametrize(
    "sid", ["../../x", "RE1/../../Messages/SM1", "RE" + "1" * 31 + "\n", "RE" + "é" * 32, "RE?x=1#"]
)
def test_what_is_no_sid_comes_into_no_address(world, media, posted, sid):
    """Neither for its sound, nor to look it up, nor to delete it."""
    status = posted("/api/webhooks/recording", RecordingSid=sid, RecordingStatus="completed", RecordingDuration="1")
    assert status == 204
    assert world.work("recording.fetch") in ([], ["failed"])
    for ask in (world.rt.twilio.find_recording, world.rt.twilio.delete_recording):
        with pytest.raises(Permanent, match="not a RecordingSid"):
            ask(ACCOUNT.sid, sid)
    assert media.asked == []
