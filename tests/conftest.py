"""The real stores under every test: one Redis, PostgreSQL and S3 a run, and a clean corner of each for the test that asks.

`./ops/test` starts the stores once and names them in TS_TEST_*; plain `pytest` starts them itself, once a worker.
"""

import itertools
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis
from hypothesis import settings
from psycopg import sql

from ops.stack import stores as stack_stores
from ops.stack.supervisor import Supervisor
from tests.told import wrongly_told

REPO = Path(__file__).parent.parent
# "main" without xdist, else gw0, gw1 …: each has a Redis database and a template of its own.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
_numbers = itertools.count(1)
# On a busy machine one example may take longer than the 200 ms that Hypothesis allows: that is no fault of the code.
settings.register_profile("house", settings(), deadline=None)
settings.load_profile("house")


@dataclass(frozen=True)
class Stores:
    """The addresses of one run's stores. `database_url` may create databases."""

    redis_url: str
    database_url: str
    s3_endpoint_url: str


@dataclass(frozen=True)
class Bucket:
    """An empty bucket and how to reach it."""

    endpoint_url: str
    name: str
    region: str = "us-east-1"
    access_key_id: str = "sandbox"
    secret_access_key: str = "sandbox"


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """The stores of this run: those of TS_TEST_*, else started here and ended with the session."""
    if "TS_TEST_REDIS_URL" in os.environ:
        yield Stores(*(os.environ[f"TS_TEST_{name}"] for name in ("REDIS_URL", "DATABASE_URL", "S3_ENDPOINT_URL")))
        return
    folder = tmp_path_factory.mktemp("stores")
    supervisor = Supervisor(env=os.environ, cwd=REPO, logs=folder, say=print)
    wanted = stack_stores.Wanted(secrets.token_hex(8), secrets.token_hex(8), is_durable=False)
    try:
        found = stack_stores.start_ready(supervisor, folder, wanted)
        yield Stores(found["TS_REDIS_URL"], found["TS_DATABASE_URL"], found["TS_S3_ENDPOINT_URL"])
    finally:
        supervisor.stop(stack_stores.STOP_ORDER)


@pytest.fixture
def redis_url(stores: Stores) -> str:
    """An empty Redis database, this worker's own."""
    index = int(WORKER.removeprefix("gw")) if WORKER != "main" else 0
    url = f"{stores.redis_url.rpartition('/')[0]}/{index}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture(scope="session")
def database_template(stores: Stores) -> str:
    """The name of a migrated database that tests copy."""
    from shared.db.migrate import migrate

    name = f"template_{WORKER}"
    with psycopg.connect(stores.database_url, autocommit=True) as conn:
        conn.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    migrate(_other_database(stores.database_url, name))
    return name


@pytest.fixture
def empty_database_url(stores: Stores) -> Iterator[str]:
    """A database without any schema."""
    yield from _copy(stores, "template0")


@pytest.fixture
def database_url(stores: Stores, database_template: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database of this test's own. What was told in it must be as the catalogue of notifications says.

    A test that tells what nobody would tell is marked `made_up_notices`.
    """
    for url in _copy(stores, database_template):
        yield url
        if request.node.get_closest_marker("made_up_notices") is None:
            assert [*wrongly_told(url)] == []


@pytest.fixture(scope="module")
def module_database_url(stores: Stores, database_template: str) -> Iterator[str]:
    """A migrated database of a module's own, for tests that leave nothing behind."""
    yield from _copy(stores, database_template)


@pytest.fixture
def s3(stores: Stores) -> Bucket:
    """A bucket of this test's own."""
    import boto3  # half a second: only for the tests that need it

    bucket = Bucket(stores.s3_endpoint_url, f"test-{secrets.token_hex(6)}")
    client = boto3.client(
        "s3",
        endpoint_url=bucket.endpoint_url,
        region_name=bucket.region,
        aws_access_key_id=bucket.access_key_id,
        aws_secret_access_key=bucket.secret_access_key,
    )
    client.create_bucket(Bucket=bucket.name)
    return bucket


def _copy(stores: Stores, template: str) -> Iterator[str]:
    name = f"test_{WORKER}_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(stores.database_url, autocommit=True) as conn:
        # As files: through the log it takes five times as long, and nobody needs these after a power cut.
        copy = sql.SQL("create database {} template {} strategy file_copy")
        conn.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
        yield _other_database(stores.database_url, name)
        # By force: a test that failed may have left a connection open.
        conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _other_database(url: str, name: str) -> str:
    return f"{url.rpartition('/')[0]}/{name}"
