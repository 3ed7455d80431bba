"""The operator's tool on the real stores, beside a worker's hands."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ops.cli import main
from tests.integration.workers.conftest import Story, rt, subscriber, twilio, world

__all__ = ["rt", "subscriber", "twilio", "world"]


class Tool:
    """`./ops/cli` with this test's stores in its environment."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ

    def __call__(self, *words: str, status: int = 0) -> Result:
        """Runs a command and holds it to its exit code."""
        done = CliRunner().invoke(main, list(words), env=self.environ)
        assert done.exit_code == status, f"{done.output}\n{done.exception!r}"
        return done

    def json(self, *words: str, status: int = 0) -> Any:
        """What a command says with --json; its remarks on stderr are no part of it."""
        return json.loads(self(*words, "--json", status=status).stdout)


@pytest.fixture
def cli(world: Story) -> Tool:
    settings = world.rt.settings
    return Tool({
        "TS_PUBLIC_URL": "https://calls.example.com", "TS_REDIS_URL": settings.redis_url,
        "TS_DATABASE_URL": settings.database_url, "TS_TWILIO_API_URL": settings.twilio_api_url,
        "TWILIO_ACCOUNT_SID": settings.twilio_account_sid, "TWILIO_AUTH_TOKEN": settings.twilio_auth_tokens[0],
    })  # fmt: skip
