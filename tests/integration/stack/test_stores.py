"""The embedded stores: what they keep, what they refuse, and that they die with whoever started them."""

import base64
import hashlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
import redis
from botocore.exceptions import ClientError

from ops.stack import identity, leftovers, ports, postgres, probes, s3, stores
from ops.stack import redis as redis_server
from ops.stack.supervisor import GaveUp, Supervisor
from tests.integration.stack.conftest import ROOT, wait_for

RIFF_SHA256 = base64.b64encode(hashlib.sha256(b"RIFF").digest()).decode()


@contextmanager
def running(folder: Path, wanted: stores.Wanted, given: dict[str, str] | None = None) -> Iterator[dict[str, str]]:
    supervisor = Supervisor(env=os.environ, cwd=ROOT, logs=folder, say=print)
    try:
        found = stores.start(supervisor, folder, wanted, given or {})
        stores.wait_ready(supervisor)
        yield found
    finally:
        supervisor.stop(stores.STOP_ORDER)


def bucket(found: dict[str, str]) -> Any:
    return boto3.resource(
        "s3",
        endpoint_url=found["TS_S3_ENDPOINT_URL"],
        region_name=found["TS_S3_REGION"],
        aws_access_key_id=found["TS_S3_ACCESS_KEY_ID"],
        aws_secret_access_key=found["TS_S3_SECRET_ACCESS_KEY"],
    ).Bucket(found["TS_S3_BUCKET"])


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder other users can reach, which pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="twilio-server-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_all_three_remember_over_a_restart(tmp_path: Path):
    wanted = stores.Wanted("red", "post")
    with running(tmp_path, wanted) as found:
        with redis.Redis.from_url(found["TS_REDIS_URL"]) as client:
            client.set("a", "1")
        with psycopg.connect(found["TS_DATABASE_URL"]) as conn:
            conn.execute("create table a as select 1 as n")
        kept = bucket(found)
        kept.put_object(Key="recordings/ü 1.wav", Body=b"RIFF", Metadata={"sha256": "0f"}, ContentType="audio/wav")
        kept.put_object(Key="sound", Body=b"RIFF", ChecksumAlgorithm="SHA256", ChecksumSHA256=RIFF_SHA256)
        with pytest.raises(ClientError, match="BadDigest"):
            kept.put_object(Key="bad", Body=b"RUFF", ChecksumAlgorithm="SHA256", ChecksumSHA256=RIFF_SHA256)
        kept.put_object(Key="gone", Body=b"1")
        kept.put_object(Key="gone too", Body=b"1")
        kept.Object("gone").delete()
        kept.delete_objects(Delete={"Objects": [{"Key": "gone too"}]})
    with running(tmp_path, wanted) as found:
        with redis.Redis.from_url(found["TS_REDIS_URL"], decode_responses=True) as client:
            assert client.get("a") == "1"
        with psycopg.connect(found["TS_DATABASE_URL"]) as conn:
            assert conn.execute("select n from a").fetchall() == [(1,)]
        assert [item.key for item in bucket(found).objects.all()] == ["recordings/ü 1.wav", "sound"]
        told = bucket(found).meta.client.head_object(Bucket=found["TS_S3_BUCKET"], Key="sound", ChecksumMode="ENABLED")
        assert told["ChecksumSHA256"] == RIFF_SHA256
        stored = bucket(found).Object("recordings/ü 1.wav").get()
        assert (stored["Body"].read(), stored["Metadata"]) == (b"RIFF", {"sha256": "0f"})
        assert stored["ContentType"] == "audio/wav"


@pytest.mark.parametrize("which", [0, 1, 2], ids=["s3", "redis", "postgres"])
def test_a_port_that_is_taken_before_its_server_has_it_costs_another_start(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, which: int
):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        chosen = [ports.free_port() for _ in range(which)] + [port]
        monkeypatch.setattr(stores, "free_port", lambda: chosen.pop(0) if chosen else ports.free_port())
        found = stores.start_ready(supervisor, tmp_path, stores.Wanted("red", "post"))
        assert not [url for url in found.values() if f":{port}" in url]
        assert [supervisor.missing(name) for name in stores.STORES] == ["", "", ""]
        supervisor.stop(stores.STOP_ORDER)


def test_a_port_that_is_taken_every_time_is_told(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(stores, "free_port", lambda: port)
        with pytest.raises(GaveUp, match="ended while starting"):
            stores.start_ready(supervisor, tmp_path, stores.Wanted("red", "post"))


def test_without_the_password_redis_and_postgresql_tell_nothing(stores: Any):
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(stores.redis_url.replace("://:", "://:wrong")).ping()
    scheme, _, rest = stores.database_url.partition("://")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"{scheme}://{postgres.ROLE}:wrong@{rest.partition('@')[2]}")


def test_redis_keeps_every_write_and_never_evicts(stores: Any):
    with redis.Redis.from_url(stores.redis_url, decode_responses=True) as client:
        told = client.config_get("*")
    wanted = {"appendonly": "yes", "appendfsync": "always", "save": "", "maxmemory-policy": "noeviction"}
    assert {name: told[name] for name in wanted} == wanted


@pytest.mark.parametrize("flavour", redis_server.FLAVOURS)
def test_every_flavour_of_redis_that_is_here_answers(
    tmp_path: Path, supervisor: Supervisor, flavour: str, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "valkey-server").symlink_to(redis_server.program()[1])  # what a system package would have put there
    monkeypatch.setattr(redis_server, "_path", lambda: str(tmp_path))
    try:
        server = redis_server.server(tmp_path, ports.free_port(), "pw", flavour=flavour, appendfsync="everysec")
    except redis_server.NoServer as fault:
        pytest.skip(str(fault))
    supervisor.start(server.service)
    supervisor.wait_ready(["redis"], 20)
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}


def test_a_flavour_that_is_not_here_is_refused_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(redis_server, "_path", lambda: "")
    with pytest.raises(redis_server.NoServer, match="TS_REDIS_URL="):
        redis_server.server(tmp_path, 1, "pw", flavour="path")


def test_the_servers_secrets_are_on_no_command_line_and_in_no_file_others_may_read(tmp_path: Path):
    with running(tmp_path, stores.Wanted("redis-secret", "postgres-secret")):
        lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
        assert not [line for line in lines if b"redis-secret" in line or b"postgres-secret" in line]
        config = tmp_path / "redis" / "server.conf"
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        assert not list(tmp_path.glob(".pw-*"))


def test_stores_that_are_named_from_outside_are_not_started(tmp_path: Path):
    given = {"TS_REDIS_URL": "redis://a", "TS_DATABASE_URL": "postgresql://b", "TS_S3_ENDPOINT_URL": "http://c"}
    with running(tmp_path, stores.Wanted("a", "b"), given) as found:
        assert found == {}


@pytest.mark.skipif(os.getuid() != 0, reason="only root needs another identity for PostgreSQL")
def test_where_no_namespace_is_allowed_postgresql_runs_as_nobody(supervisor: Supervisor, open_folder: Path):
    nobody = identity.Identity("as uid 65534", identity.become_nobody, identity.NOBODY)
    try:
        server = postgres.server(open_folder, ports.free_port(), "pw", who=nobody)
    except (postgres.NoPostgres, OSError) as fault:
        pytest.skip(f"another user cannot reach this checkout or its packages: {fault}")
    supervisor.start(server.service)
    supervisor.wait_ready(["postgres"], 20)
    assert Path(f"/proc/{supervisor.pids()['postgres']}/status").read_text().count(f"\t{identity.NOBODY}" * 4) == 2


def test_a_system_that_allows_no_identity_is_told_the_way_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(identity, "_works", lambda _become: False)
    with pytest.raises(PermissionError, match="TS_DATABASE_URL="):
        identity.choose()


def test_half_an_initdb_is_made_anew(tmp_path: Path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "base").touch()
    with running(tmp_path, stores.Wanted("a", "b"), {"TS_REDIS_URL": "x", "TS_S3_ENDPOINT_URL": "x"}) as found:
        assert found["TS_DATABASE_URL"].endswith("/twilio_server")


HOLDER = """
import json, os, sys, signal
from pathlib import Path
from ops.stack import stores
from ops.stack.supervisor import Supervisor
folder = Path(sys.argv[1])
supervisor = Supervisor(env=os.environ, cwd=Path.cwd(), logs=folder, say=print)
found = stores.start(supervisor, folder, stores.Wanted("a", "b"), {})
stores.wait_ready(supervisor)
print(json.dumps({"pids": supervisor.pids(), "urls": found}), flush=True)
signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_killed_supervisor_leaves_no_process_and_no_open_port(tmp_path: Path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        told = json.loads(holder.stdout.readline())
        held = [int(told["urls"][name].rpartition(":")[2].partition("/")[0]) for name in _url_names(told)]
        backends = _children_of(told["pids"]["postgres"])
        assert backends
        os.kill(holder.pid, signal.SIGKILL)
    for pid in [*told["pids"].values(), *backends]:
        wait_for(lambda pid=pid: not leftovers.birth(pid), f"pid {pid} is gone")
    assert not [port for port in held if ports.is_taken(port)]


def test_the_bucket_is_there_before_s3_counts_as_ready(stores: Any):
    assert probes.http_ok(f"{stores.s3_endpoint_url}/{s3.BUCKET}", "HEAD") == ""
    assert "404" in probes.http_ok(f"{stores.s3_endpoint_url}/another", "HEAD")


def _url_names(told: dict[str, Any]) -> list[str]:
    return [name for name in told["urls"] if name.endswith("_URL")]


def _children_of(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
