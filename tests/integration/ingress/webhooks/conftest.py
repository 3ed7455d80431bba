"""The whole ingress application over the real stores, posted to as Twilio posts: signed by Twilio's own SDK."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

from ingress.app import create_app
from ingress.context import IngressRuntime, open_runtime
from shared import inbox
from shared.db import numbers
from shared.domain.event import Event as Stored
from shared.domain.event import from_record
from shared.domain.routing import Number, Routing, forwards
from shared.settings import load

PUBLIC = "https://calls.example.com"
ACCOUNT, TOKEN, OLD_TOKEN = "AC" + "0a" * 16, "the-new-token", "the-old-token"
BUSINESS, OWNER, CUSTOMER, VOICEMAIL_ONLY = "+14155550100", "+14155550199", "+12125550142", "+14155550102"
ADMIN = "http://127.0.0.1:4001"


NO_REDIS = {"TS_REDIS_URL": "redis://127.0.0.1:1/0"}  # nobody listens there
FULL_DISK = {"TS_JOURNAL_MIN_FREE_MB": "1000000000"}  # no disk has that much: the journal takes nothing


@pytest.fixture
def environ(redis_url: str, database_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "TS_PUBLIC_URL": PUBLIC, "TS_REDIS_URL": redis_url, "TS_DATABASE_URL": database_url,
        "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": f"{TOKEN},{OLD_TOKEN}", "INTERNAL_SERVICE_KEY": "k",
        "TS_JOURNAL_DIR": str(tmp_path / "journal"),
    }  # fmt: skip


@pytest.fixture
def rt(environ: dict[str, str]) -> Iterator[IngressRuntime]:
    yield from opened(environ)


@pytest.fixture
def door_with(environ: dict[str, str]) -> Iterator[Callable[..., "Door"]]:
    """A door whose stores are as the changed settings have them."""
    with ExitStack() as stack:
        yield lambda *changes: Door(
            stack.enter_context(
                contextmanager(opened)(environ | {k: v for change in changes for k, v in change.items()})
            )
        )


def opened(environ: dict[str, str]) -> Iterator[IngressRuntime]:
    """A Runtime that knows two numbers."""
    # Before it opens: it reads the numbers at once, and from then on every second.
    with psycopg.connect(environ["TS_DATABASE_URL"]) as conn:
        numbers.put(conn, Number(BUSINESS, "t", forwards(OWNER)))
        numbers.put(conn, Number(VOICEMAIL_ONLY, "t", Routing(greeting="Hello & goodbye")))
    runtime = open_runtime(load(environ))
    until(lambda: runtime.routing.number(BUSINESS).routing.targets)
    yield runtime
    runtime.close()


@pytest.fixture
def door(rt: IngressRuntime) -> "Door":
    return Door(rt)


def until(fact: Any, within_s: float = 15.0) -> Any:
    """The first truthy answer of `fact`; what a busy machine needs, never what a test waits for."""
    pause = Event()
    for _ in range(int(within_s / 0.02)):
        if found := fact():
            return found
        pause.wait(0.02)
    raise AssertionError("did not become true in time")


class Door:
    """Where Twilio posts."""

    def __init__(self, rt: IngressRuntime) -> None:
        self.rt = rt
        self.client: FlaskClient = create_app(rt).test_client()

    def post(
        self, path: str, params: dict[str, str], *, token: str = TOKEN, signature: str | None = None, **headers: str
    ) -> TestResponse:
        """A form as Twilio sends it, with its account's signature unless another one is given."""
        form = {"AccountSid": ACCOUNT, **params}
        signed = RequestValidator(token).compute_signature(PUBLIC + path, form)
        return self.client.post(
            path, data=urlencode(form), content_type="application/x-www-form-urlencoded; charset=utf-8",
            headers={"X-Twilio-Signature": signed if signature is None else signature, **headers},
        )  # fmt: skip

    def stored(self) -> list[Stored]:
        """What waits in the inbox."""
        return [from_record(record) for record in self.rt.redis.hvals(inbox.INBOX)]  # type: ignore[union-attr]
