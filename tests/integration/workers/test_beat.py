import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from threading import Event
from types import SimpleNamespace

import psycopg
import pytest
from celery.schedules import schedule
from redis import Redis

from shared.db import beat_slots
from tests.conftest import REPO
from workers.beat import ClaimScheduler


@pytest.fixture
def environ(redis_url, database_url, tmp_path):
    return {
        **os.environ, "TS_PUBLIC_URL": "http://127.0.0.1:9", "TS_REDIS_URL": redis_url, "TS_DATABASE_URL": database_url,
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t", "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
    }  # fmt: skip


def test_a_slot_is_claimed_once(database_url):
    slot = datetime(2026, 1, 1, tzinfo=UTC)
    with psycopg.connect(database_url) as one, psycopg.connect(database_url) as two:
        assert beat_slots.claim(one, "forget", slot)
        one.commit()
        assert not beat_slots.claim(two, "forget", slot)
        assert beat_slots.claim(two, "refresh_numbers", slot)


def test_without_postgresql_a_tick_is_left_out_and_beat_lives_on():
    def no_connection():
        raise psycopg.OperationalError("gone")

    beat = ClaimScheduler.__new__(ClaimScheduler)
    beat._db = SimpleNamespace(connection=no_connection)
    entry = SimpleNamespace(name="forget", task="t", schedule=schedule(60.0))
    assert beat.apply_async(entry) is None


def test_two_beats_run_every_task_once(environ, redis_url, database_url):
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "workers.app",
        "beat",
        "-S",
        "workers.beat:ClaimScheduler",
        "-l",
        "WARNING",
    ]
    beats = [subprocess.Popen(command, cwd=REPO, env=environ) for _ in range(2)]
    try:
        with Redis.from_url(redis_url) as queue:
            claimed = _eventually(lambda: _slots(database_url))
            _eventually(lambda: queue.llen("ticks") >= 1)
            # Both have started and looked at the schedule; the queue holds one message for each claimed slot.
            assert queue.llen("ticks") <= len(_slots(database_url))
            assert claimed
    finally:
        for beat in beats:
            beat.send_signal(signal.SIGTERM)
        for beat in beats:
            beat.wait(20)


def _slots(database_url):
    with psycopg.connect(database_url) as conn:
        return conn.execute("select task, slot from beat_slots").fetchall()


def _eventually(ask, within_s=40.0):
    pause, end = Event(), time.monotonic() + within_s
    while time.monotonic() < end:
        if found := ask():
            return found
        pause.wait(0.05)
    raise AssertionError("did not become true in time")
