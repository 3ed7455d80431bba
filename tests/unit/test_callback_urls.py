"""Every address we give to Twilio asks for retries and time limits: without that it repeats neither a 5xx nor a timeout."""

import ast
import re
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4
from xml.etree import ElementTree

import pytest

from ops.twilio_sim.webhooks.overrides import RETRYABLE, overrides_of
from shared.domain import twiml
from shared.domain.number_urls import number_urls
from shared.domain.routing import Caller, Number, RecordingPolicy, Routing, Target, route, unknown_number
from shared.domain.urls import OVERRIDES, Urls
from workers.leaving import callback_url

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
PUBLIC, FALLBACK = "https://calls.example.com", "https://spare.example.net"


def documents():
    for records, has_voicemail, owner in product((True, False), (True, False), ("+14155550199", None)):
        number = Number(
            "+14155550100",
            "t",
            Routing(
                targets=(Target(owner),) if owner else (),
                recording=RecordingPolicy("on" if records else "off"),
                voicemail=has_voicemail,
            ),
        )
        for caller in ("+12125550142", "+14155550199", "anonymous"):
            yield twiml.for_route(route(number, Caller(caller), NOW), Urls(PUBLIC))
        for was_answered in (True, False):
            yield twiml.after_dial(number, was_answered, Urls(PUBLIC))
    yield twiml.for_route(route(unknown_number("+14155550100"), Caller("x"), NOW), Urls(PUBLIC))


def urls_in(document):
    for element in ElementTree.fromstring(document.encode()).iter():
        yield from (value for value in (*element.attrib.values(), element.text or "") if "://" in value)


EMITTED = sorted({
    *(url for document in documents() for url in urls_in(document)),
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
                     "/api/calls/incoming", "/api/sms/incoming", "/api/calls/fallback", "/api/sms/fallback"}  # fmt: skip


def test_what_is_not_worth_a_retry_still_fits_into_twilios_patience():
    """Fifteen seconds for everything about one webhook of a call, retries included: the first one must leave time."""
    asked = overrides_of(PUBLIC + OVERRIDES)
    assert asked.connect_s + asked.read_s <= 15.0 / 2


# Who reads our public address, and what for. Whoever needs it for a new callback goes through one of these.
READERS = {
    "ingress/context.py": "Urls",
    "ingress/twilio_policy.py": "what was signed",
    "shared/settings.py": "the setting",
    "workers/leaving.py": "callback_url",
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
