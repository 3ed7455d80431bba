"""Real processes for tests that kill and freeze them: a Redis and a PostgreSQL of the test's own, and workers."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from ops.stack import redis as stack_redis
from ops.stack.child import Child
from ops.stack.ports import free_port
from shared import tasks
from tests.integration.stack.conftest import wait_for

REPO = Path(__file__).parents[3]
NOBODY = f"postgresql://nobody@127.0.0.1:{free_port()}/none"  # a worker starts without PostgreSQL too


class OwnRedis:
    """A Redis that a test may freeze, kill and start again over its files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        server = stack_redis.server(folder, free_port(), "secret")
        self.url, self._argv = server.url, list(server.service.argv)
        self.client = Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2)
        self.child = self.start()

    def start(self) -> Child:
        self.child = Child("redis", self._argv, env=os.environ, cwd=REPO, log=self._folder / "redis.log")
        wait_for(lambda: stack_redis.probe(self.url) == "", "Redis answers")
        return self.child

    def freeze(self) -> None:
        self.child.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.child.send(signal.SIGCONT)

    def close(self) -> None:
        self.child.kill()
        self.client.close()


class Hand:
    """A worker process, and what it says."""

    def __init__(
        self,
        folder: Path,
        redis_url: str,
        database_url: str = NOBODY,
        *,
        env: Mapping[str, str] | None = None,
        **asked: Any,
    ) -> None:
        self.node = f"{asked.get('name', 'one')}@{socket.gethostname()}"
        self.client = Redis.from_url(redis_url, socket_timeout=2)
        argv = [sys.executable, str(Path(__file__).with_name("one_worker.py")), json.dumps(asked)]
        log = folder / f"{asked.get('name', 'one')}.log"
        self.child = Child(
            "worker", argv, env={**environment(redis_url, database_url), **(env or {})}, cwd=REPO, log=log
        )

    def ready(self) -> "Hand":
        """Returns once this very process says that it consumes."""
        wait_for(lambda: self._is_alive() or self.child.has_ended(), "the worker consumes")
        assert not self.child.has_ended(), self.child.tail()
        return self

    def _is_alive(self) -> bool:
        try:
            return self.client.get(f"ts:alive:{self.node}") == str(self.child.pid).encode()
        except RedisError:
            return False

    def said(self) -> str:
        with self.child.log.open() as file:
            file.seek(self.child.log_start)
            return file.read()

    def kill(self) -> None:
        self.child.kill()
        self.client.close()


def environment(redis_url: str, database_url: str) -> Mapping[str, str]:
    """Settings of a worker that talks to nobody but its stores."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("TS_", "TWILIO_", "PROMETHEUS_"))}
    return {
        **ours, "PYTHONPATH": str(REPO), "TS_PUBLIC_URL": "http://127.0.0.1:9", "TS_REDIS_URL": redis_url,
        "TS_DATABASE_URL": database_url, "TWILIO_ACCOUNT_SID": "AC" + "0a" * 16, "TWILIO_AUTH_TOKEN": "t",
    }  # fmt: skip


def send(client: Redis, task: str, *args: Any, queue: str = "events") -> None:
    client.lpush(queue, tasks.message(task, list(args), queue))


def run_python(code: str, env: Mapping[str, str]) -> str:
    """What `code` prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code], env=dict(env), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
