import json
from datetime import UTC, datetime
from types import SimpleNamespace

import psycopg
import pytest
import time_machine
from celery.schedules import schedule
from redis import Redis

from shared.db import beat_slots
from shared.settings import load
from workers.beat import ClaimScheduler

FORGET = "workers.forget"


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


@pytest.fixture
def house(redis_url, database_url, monkeypatch):
    """Our Celery application over this test's stores, as every beat process builds it."""
    environ = {
        "TS_PUBLIC_URL": "http://127.0.0.1:9", "TS_REDIS_URL": redis_url, "TS_DATABASE_URL": database_url,
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t",
    }  # fmt: skip
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    from workers.house import House

    return House(load(environ))


def test_of_two_beats_at_one_time_one_sends_the_task(house, redis_url):
    beats = [ClaimScheduler(app=house), ClaimScheduler(app=house)]
    try:
        with time_machine.travel(datetime(2026, 1, 1, 12, tzinfo=UTC), tick=False):
            sent = [beat.apply_async(beat.schedule["forget"], advance=False) for beat in beats]
    finally:
        for beat in beats:
            beat.close()
    assert [bool(result) for result in sent] == [True, False]
    with Redis.from_url(redis_url) as queue:
        (message,) = [json.loads(text) for text in queue.lrange("ticks", 0, -1)]
    assert message["headers"]["task"] == FORGET


def test_in_the_next_slot_the_task_is_sent_again(house, redis_url):
    beat = ClaimScheduler(app=house)
    try:
        for hour in (12, 13):
            with time_machine.travel(datetime(2026, 1, 1, hour, tzinfo=UTC), tick=False):
                assert beat.apply_async(beat.schedule["forget"], advance=False)
    finally:
        beat.close()


def test_every_tick_of_the_schedule_is_a_task_that_a_worker_knows(house):
    import workers.app

    assert {entry["task"] for entry in house.conf.beat_schedule.values()} <= set(workers.app.app.tasks)
