"""Every address we give to Twilio asks for retries and time limits: without that it repeats neither a 5xx nor a timeout."""

import ast
import re
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import get_args
from uuid import uuid4
from xml.etree import ElementTree

import pytest

from ingress import desk
from ingress.twilio_guard import Posted
from ops.twilio_sim.webhooks.overrides import RETRYABLE, overrides_of
from shared import data
from shared.domain import call_documents
from shared.domain.doors import door_of
from shared.domain.law import read
from shared.domain.number_urls import number_urls
from shared.domain.routing import (
    Emergency,
    Hours,
    Number,
    RecordingPolicy,
    Routing,
    Screening,
    Strategy,
    Target,
    unknown_number,
)
from shared.domain.urls import OVERRIDES, Urls
from workers.leaving import callback_url

BUSINESS, SID = "+14155550100", "CA" + "1" * 32
CLOSED = Hours("America/New_York", ((),) * 7)
LAW = read(data.read("law_us"))
TURNS = [
    ("/api/calls/incoming", {"CallStatus": "ringing", "Direction": "inbound"}),
    ("/api/calls/incoming", {"CallStatus": "ringing", "Direction": "inbound", "From": "anonymous"}),
    ("/api/calls/fallback", {"CallStatus": "ringing", "ErrorUrl": "https://x.example/api/calls/incoming"}),
    ("/api/calls/choice?stage=emergency", {"Digits": "1"}),
    ("/api/calls/choice?stage=emergency", {"Digits": ""}),
    ("/api/calls/choice?stage=consent", {"Digits": "1"}),
    ("/api/calls/choice?stage=consent", {"Digits": ""}),
    ("/api/calls/dial-result?step=1&rec=1", {"DialCallStatus": "busy"}),
    ("/api/calls/dial-result?step=1&rec=0&emergency=1", {"DialCallStatus": "busy"}),
    ("/api/calls/dial-result?step=9&rec=0", {"DialCallStatus": "busy"}),
    ("/api/calls/dial-result?step=1&rec=0", {"DialCallStatus": "completed", "DialBridged": "true"}),
    (f"/api/calls/whisper?call={SID}&number=14155550100", {"Direction": "outbound-dial"}),
    (f"/api/calls/accept?call={SID}", {"Digits": "1"}),
    ("/api/calls/voicemail", {"RecordingUrl": "https://api.twilio.com/x", "RecordingDuration": "3"}),
]
ROOT = Path(__file__).parents[2]
PUBLIC, FALLBACK = "https://calls.example.com", "https://spare.example.net"


def documents():
    """What the desk answers at every turn of a call to numbers of every kind, and the unknown one."""
    ways = ("off", "announce", "press")
    kinds = (("+14155550199",), ("+14155550199", "client:anna", "sip:us@example.com"), ())
    for way, voicemail, targets, screening, strategy in product(
        ways, (True, False), kinds, get_args(Screening), get_args(Strategy)
    ):
        rules = Routing(
            tuple(map(Target, targets)), strategy, screening=screening, voicemail=voicemail,
            emergency=Emergency("+14155550198"), hours=CLOSED if voicemail else None,
            recording=RecordingPolicy("off" if way == "off" else "on", "announce" if way == "off" else way),
        )  # fmt: skip
        yield from turns({BUSINESS: Number(BUSINESS, "t", rules)})
        yield from turns({BUSINESS: Number(BUSINESS, "t", replace(rules, hours=None))})
    yield from turns({})


def turns(known):
    table = SimpleNamespace(number=lambda number: known.get(number) or unknown_number(number))
    own = SimpleNamespace(transcription="twilio")
    house = SimpleNamespace(routing=table, urls=Urls(PUBLIC), law=LAW, settings=own)
    for target, params in TURNS:
        path, _, query = target.partition("?")
        said = {"CallSid": SID, "CallStatus": "in-progress", "From": "+12125550142", "To": BUSINESS} | params
        yield desk.reply(house, door_of(path), Posted(path, query, "", b"", said, "AC", "")).document


def urls_in(document):
    for element in ElementTree.fromstring(document.encode()).iter():
        yield from (value for value in (*element.attrib.values(), element.text or "") if "://" in value)


def controlled():
    """The documents of calls that somebody controls or has placed."""
    number = Number(BUSINESS, "t")
    yield call_documents.to_voicemail(number, Urls(PUBLIC), call_sid=SID)
    for to in ("+14155550199", "client:anna", "sip:us@example.com"):
        yield call_documents.forwarded(number, to, Urls(PUBLIC), caller="+12125550142", call_sid=SID, records=True)
        yield call_documents.placed(number, call_documents.Script(connect_to=to, is_recorded=True), Urls(PUBLIC))


EMITTED = sorted({
    *(url for document in (*documents(), *controlled()) for url in urls_in(document)),
    *(url for url in number_urls(Urls(PUBLIC), Urls(FALLBACK)).values() if url != "POST"),
    callback_url(PUBLIC, SimpleNamespace(id=uuid4())),
})  # fmt: skip


@pytest.mark.parametrize("url", EMITTED)
def test_every_address_asks_for_the_delivery_we_need(url):
    assert url.endswith(OVERRIDES)
    assert url.count("#") == 1  # a second one would be part of the first's value
    asked = overrides_of(url)  # read by the simulator, which has its own idea of Twilio's rules
    assert asked.retries == 3
    assert asked.retried == RETRYABLE
    assert (asked.connect_s, asked.read_s) == (2.0, 4.0)


def test_the_documents_do_name_addresses():
    paths = {re.sub(r"[?#].*", "", url.removeprefix(PUBLIC).removeprefix(FALLBACK)) for url in EMITTED}
    assert paths >= {"/api/calls/dial-result", "/api/calls/voicemail", "/api/webhooks/recording", "/api/webhooks/status",
                     "/api/calls/choice", "/api/calls/whisper", "/api/calls/accept", "/api/webhooks/call",
                     "/api/webhooks/amd", "/api/calls/incoming",
                     "/api/sms/incoming", "/api/calls/fallback", "/api/sms/fallback"}  # fmt: skip


def test_what_is_not_worth_a_retry_still_fits_into_twilios_patience():
    """Fifteen seconds for everything about one webhook of a call, retries included: the first one must leave time."""
    asked = overrides_of(PUBLIC + OVERRIDES)
    assert asked.connect_s + asked.read_s <= 15.0 / 2


# Who reads our public address, and what for. Whoever needs it for a new callback goes through one of these.
READERS = {
    "ingress/api/call_controls.py": "Urls",
    "ingress/api/placing.py": "Urls",
    "ingress/context.py": "Urls",
    "ingress/fallback_app.py": "Urls",
    "ingress/twilio_policy.py": "what was signed",
    "shared/settings.py": "the setting",
    "workers/controls.py": "Urls",
    "workers/leaving.py": "callback_url",
    "workers/placing.py": "Urls",
}


def test_an_address_is_put_together_where_its_overrides_are_added_and_nowhere_else():
    naming = {
        str(path.relative_to(ROOT))
        for package in ("ingress", "workers", "shared", "ops/manage")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "base"
    }
    assert naming == {"shared/domain/urls.py"}


def test_nobody_else_builds_an_address_for_twilio():
    reading = {
        str(path.relative_to(ROOT))
        for package in ("ingress", "workers", "shared")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in ("public_url", "fallback_url"))
        or (isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") in ("public_url", "fallback_url"))
    }
    assert reading <= set(READERS)
