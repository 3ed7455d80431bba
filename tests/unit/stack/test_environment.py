"""The variables of the house: what is ours, what is the caller's, what is a mistake."""

from pathlib import Path

import pytest

from ops.stack import environment, options
from ops.stack.options import Refused
from ops.stack.runfolder import RunFolder

REAL = {
    "TS_PUBLIC_URL": "https://calls.example.com",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "secret",
}
CONTRACT = (
    *("TS_URL", "TS_PUBLIC_URL", "TS_ADMIN_URL", "TS_SIMULATOR_URL", "TS_STANDINS_URL", "TS_TWILIO_API_URL"),
    *("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "INTERNAL_SERVICE_KEY", "TS_AS_CALL_SERVICE_URL", "TS_PNS_URL"),
    *("FLOWER_URL", "FLOWER_BASIC_AUTH"),
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path / "run")
    found.prepare()
    return found


def test_the_sandbox_names_everything_its_clients_need(run: RunFolder):
    told = environment.house(options.parse([], {}), {}, run)
    assert [name for name in CONTRACT if not told.get(name)] == []


def test_the_receivers_of_the_sandbox_may_be_notified_and_those_that_the_caller_names(run: RunFolder):
    told = environment.house(options.parse([], {}), {"TS_EVENT_ALLOW": "10.0.0.0/8,localhost"}, run)
    assert told["TS_EVENT_ALLOW"] == "127.0.0.0/8,::1,localhost,10.0.0.0/8"


def test_secrets_stay_the_same_over_restarts_and_differ_between_folders(run: RunFolder, tmp_path: Path):
    asked, other = options.parse([], {}), RunFolder(tmp_path / "other")
    other.prepare()
    first = environment.house(asked, {}, run)
    assert environment.house(asked, {}, run) == first
    assert environment.house(asked, {}, other)["TWILIO_AUTH_TOKEN"] != first["TWILIO_AUTH_TOKEN"]


def test_the_callers_twilio_account_is_not_used_in_the_sandbox(run: RunFolder):
    assert environment.house(options.parse([], {}), REAL, run)["TWILIO_AUTH_TOKEN"] != "secret"


@pytest.mark.parametrize("missing", REAL)
def test_the_real_twilio_is_refused_without_its_credentials_and_our_address(run: RunFolder, missing: str):
    environ = {name: value for name, value in REAL.items() if name != missing}
    with pytest.raises(Refused, match=missing):
        environment.house(options.parse(["--real-twilio"], {}), environ, run)


def test_the_real_twilio_is_refused_over_plain_http(run: RunFolder):
    with pytest.raises(Refused, match="https"):
        environment.house(options.parse(["--real-twilio"], {}), {**REAL, "TS_PUBLIC_URL": "http://a.example"}, run)


def test_a_stand_in_never_writes_down_what_is_said_in_real_calls(run: RunFolder):
    sandbox = environment.house(options.parse([], {}), {}, run)
    assert environment.engine(sandbox)["TS_TRANSCRIPTION_URL"].startswith(sandbox["TS_STANDINS_URL"])
    assert environment.engine(environment.house(options.parse(["--real-twilio"], {}), REAL, run)) == {}


def test_with_the_real_twilio_there_is_no_simulator(run: RunFolder):
    told = environment.house(options.parse(["--real-twilio"], {}), REAL, run)
    assert "TS_SIMULATOR_URL" not in told
    assert told["TS_TWILIO_API_URL"] == ""
    assert told["TWILIO_ACCOUNT_SID"] == REAL["TWILIO_ACCOUNT_SID"]


def test_stores_named_by_the_caller_replace_ours(run: RunFolder):
    given = {"TS_REDIS_URL": "redis://cache.example/0", "TS_DATABASE_URL": "postgresql://db.example/x"}
    assert environment.given_stores(options.parse([], {}), given, run) == given


def test_a_redis_url_may_come_as_an_option(run: RunFolder):
    asked = options.parse(["--redis", "redis://cache.example/0"], {})
    assert environment.given_stores(asked, {}, run) == {"TS_REDIS_URL": "redis://cache.example/0"}


def test_a_shell_that_sourced_the_last_runs_env_file_names_no_stores(run: RunFolder):
    stale = {
        "TS_REDIS_URL": f"redis://:{run.secret('REDIS_PASSWORD')}@127.0.0.1:1/0",
        "TS_DATABASE_URL": f"postgresql://ts:{run.secret('POSTGRES_PASSWORD')}@127.0.0.1:2/twilio_server",
        "TS_S3_ENDPOINT_URL": "http://127.0.0.1:3",
        "TS_S3_ACCESS_KEY_ID": run.secret("S3_ACCESS_KEY_ID"),
    }
    assert environment.given_stores(options.parse([], {}), stale, run) == {}


def test_children_do_not_inherit_what_would_send_the_sdks_elsewhere():
    env = environment.for_children({"TS_URL": "x"}, {"TWILIO_REGION": "ie1", "HOME": "/h", "NO_PROXY": "corp"})
    assert "TWILIO_REGION" not in env
    assert (env["HOME"], env["NO_PROXY"]) == ("/h", "corp,127.0.0.1,localhost")
