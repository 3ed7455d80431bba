"""The drainer on real stores: what Redis lost or never had comes back, and a segment stays until PostgreSQL has it all."""

import errno
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from threading import Event as Fact
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ingress import drain
from ingress.drain import Drainer
from shared import inbox
from shared.db import events as rows
from shared.db import set_aside
from shared.domain.event import Event
from shared.every import Every
from shared.journal import Entry, Journal, JournalFault
from shared.runtime import open_db, open_redis
from shared.settings import load
from tests.integration.workers.hands import OwnRedis


def event(number: int, body: bytes = b"CallStatus=ringing", **other: Any) -> Event:
    """An arrival; the same number happens to the same call."""
    values: dict[str, Any] = {
        "event_id": f"{number:032x}", "key": f"call-status:CA{number:032x}:ringing", "kind": "call-status",
        "account_sid": "AC" + "0" * 32, "sids": (f"CA{number:032x}",), "path": "/p", "query": "", "content_type": "",
        "token": "", "body": body, "received_ns": time.time_ns(),
    }  # fmt: skip
    return Event(**{**values, **other})


def settings(redis_url: str, database_url: str):
    return load({
        "TS_PUBLIC_URL": "http://127.0.0.1:9", "TS_REDIS_URL": redis_url, "TS_DATABASE_URL": database_url,
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t",
    })  # fmt: skip


class House:
    """A journal with its drainer, and the stores it looks at."""

    def __init__(self, folder, redis_url: str, database_url: str, admin_url: str) -> None:
        given = settings(redis_url, database_url)
        self.folder, self._admin_url = folder, admin_url
        self._database = database_url.rpartition("/")[2]
        self.db = open_db(given, size=2)
        self.redis = open_redis(given, timeout_s=2.0, connections=4)
        self.journal = Journal(folder, min_free_bytes=0)
        self.drainer = Drainer(self.journal, self.redis, self.db, rotate_s=0)

    def round(self, *, later_s: float = 60.0) -> None:
        """A round of the drainer, so much later that whatever was to be waited for is over."""
        self.drainer.once(now=time.monotonic() + later_s)

    def take(self, *arrived: Event, is_unsent: bool = False) -> None:
        """As a webhook is stored."""
        self.journal.append_many([Entry(one.event_id, one.record()) for one in arrived])
        if is_unsent:
            self.journal.note_unsent()
        else:
            inbox.put_many(self.redis, arrived)

    def commit(self, *arrived: Event) -> None:
        """As a worker processes what it has claimed."""
        with self.db.connection() as conn:
            rows.insert(conn, arrived)
        inbox.clear(self.redis, [one.event_id for one in arrived])

    def in_inbox(self) -> set[str]:
        return {name.decode() for name in self.redis.hkeys(inbox.INBOX)}

    def segments(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*.seg"))

    def lose_database(self) -> None:
        """PostgreSQL lets nobody in any more, and throws out who is in."""
        self._admin("alter database {} with allow_connections false")
        with psycopg.connect(self._admin_url, autocommit=True) as conn:
            conn.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (self._database,))

    def find_database(self) -> None:
        self._admin("alter database {} with allow_connections true")

    def _admin(self, text: Any) -> None:
        with psycopg.connect(self._admin_url, autocommit=True) as conn:
            conn.execute(sql.SQL(text).format(sql.Identifier(self._database)))

    def close(self) -> None:
        self.journal.close()
        self.db.close()
        self.redis.close()


@pytest.fixture
def house(tmp_path, redis_url, database_url, stores) -> Iterator[House]:
    opened = House(tmp_path / "journal", redis_url, database_url, stores.database_url)
    yield opened
    opened.find_database()
    opened.close()


@pytest.fixture
def own_redis(tmp_path) -> Iterator[OwnRedis]:
    (tmp_path / "redis").mkdir()
    server = OwnRedis(tmp_path / "redis")
    yield server
    server.close()


@pytest.fixture
def hurt(tmp_path, own_redis, database_url, stores) -> Iterator[House]:
    """The same with a Redis that may be hurt."""
    opened = House(tmp_path / "journal", own_redis.url, database_url, stores.database_url)
    yield opened
    opened.find_database()
    opened.close()


def until(fact, within_s: float) -> None:
    deadline, pause = time.monotonic() + within_s, Fact()
    while not fact():
        assert time.monotonic() < deadline, "did not become true in time"
        pause.wait(0.01)


def ids(*arrived: Event) -> set[str]:
    return {one.event_id for one in arrived}


def test_a_segment_goes_when_all_its_events_are_processed(house):
    happened = [event(n) for n in range(3)]
    house.take(*happened)
    house.commit(*happened)
    house.round()
    assert house.segments() == []
    assert house.in_inbox() == set()


def test_what_redis_forgot_after_the_answer_is_delivered_again_and_only_that(house):
    done, lost = [event(n) for n in range(3)], [event(n) for n in range(3, 450)]
    house.take(*done, *lost)
    house.commit(*done)
    house.redis.flushdb()
    house.round()
    assert house.in_inbox() == ids(*lost)
    assert house.redis.llen("events") == 1  # and the bell is rung
    stored = house.redis.hget(inbox.INBOX, lost[-1].event_id)
    assert stored == lost[-1].record()
    assert len(house.segments()) == 1
    house.commit(*lost)
    house.round(later_s=120)
    assert house.segments() == []


def test_events_are_given_time_to_be_processed_before_anyone_asks(house):
    house.take(event(1))
    house.redis.flushdb()
    house.round(later_s=drain.SETTLE_S - 1)
    assert house.in_inbox() == set()
    house.round(later_s=drain.SETTLE_S + 1)
    assert house.in_inbox() == ids(event(1))


def test_what_never_reached_the_inbox_is_put_there_at_once(house):
    house.take(event(1), is_unsent=True)
    house.drainer = Drainer(
        house.journal, house.redis, house.db
    )  # as it runs: neither old enough to rotate nor settled
    house.round(later_s=0)
    assert house.in_inbox() == ids(event(1))
    (segment,) = house.journal.closed_segments()
    assert not segment.has_unsent


def test_delivered_again_and_again_while_no_worker_comes_but_less_and_less_often(house, monkeypatch):
    house.take(event(1))
    house.redis.flushdb()
    asked = []
    put_many = inbox.put_many
    monkeypatch.setattr(inbox, "put_many", lambda redis, batch: asked.append(len(batch)) or put_many(redis, batch))
    for second in range(20, 80):
        house.round(later_s=second)
    assert 5 <= len(asked) <= 9
    assert house.in_inbox() == ids(event(1))


def test_what_lost_its_due_time_is_claimed_again_and_what_is_leased_stays_so(house):
    house.take(event(1), event(2))
    (leased,) = inbox.claim(house.redis, limit=1)
    house.redis.zrem(inbox.DUE, event(2).event_id)
    house.round()
    (claimed,) = inbox.claim(house.redis, limit=10)
    assert (leased.event_id, claimed.event_id) == (event(1).event_id, event(2).event_id)


def test_an_inbox_that_is_full_takes_no_more_and_gets_the_rest_when_there_is_room(house, monkeypatch):
    """PostgreSQL is away for a night: what waits for it must leave Redis the room to let anybody work afterwards."""
    monkeypatch.setattr(inbox, "MOST_STORED", 3)
    first, rest = [event(n) for n in range(3)], [event(n) for n in range(3, 6)]
    house.take(*first)
    house.take(*rest, is_unsent=True)  # as a webhook that the inbox did not take
    house.round()
    assert house.in_inbox() == ids(*first)
    house.commit(*first)
    house.round()
    assert house.in_inbox() == ids(*rest)
    house.commit(*rest)
    house.round(later_s=120)
    assert house.segments() == []


def test_while_the_inbox_is_full_the_journal_does_not_crumble_into_small_segments(house, monkeypatch):
    monkeypatch.setattr(inbox, "MOST_STORED", 1)
    house.drainer = Drainer(house.journal, house.redis, house.db)
    inbox.put_many(house.redis, [event(0)])
    for number in range(1, 6):
        house.take(event(number), is_unsent=True)
        house.round(later_s=0)
    assert len(house.segments()) == 2


def test_a_repeated_arrival_with_the_same_body_is_accounted_for_by_the_first(house):
    first, again = event(1), event(1, event_id="f" * 32)
    house.take(first, again)
    house.commit(first, again)
    house.round()
    assert house.segments() == []


def test_the_same_key_with_another_body_that_never_reached_postgresql_is_delivered_again(house):
    first, other = event(1), event(1, b"CallStatus=ringing&Extra=1", event_id="f" * 32)
    house.take(first, other)
    house.commit(first)
    house.redis.flushdb()
    house.round()
    assert house.in_inbox() == ids(other)
    house.commit(other)  # it becomes a conflict, and so it is accounted for
    house.round(later_s=120)
    assert house.segments() == []


def test_an_event_that_was_set_aside_is_accounted_for(house):
    bad = event(1)
    house.take(bad)
    with house.db.connection() as conn:
        set_aside.keep(conn, event_id=bad.event_id, record=bad.record(), reason="no", tries=8)
    house.redis.flushdb()
    house.round()
    assert house.in_inbox() == set()
    assert house.segments() == []


def test_a_key_that_postgresql_cannot_hold_is_delivered_and_holds_nobody_up(house):
    odd, good = event(1, key="call-status:\0"), event(2)
    house.take(odd, good)
    house.redis.flushdb()
    house.round()
    assert house.in_inbox() == ids(odd, good)


def test_without_postgresql_unsent_events_still_reach_the_inbox_and_segments_stay(house):
    house.take(event(1), is_unsent=True)
    house.journal.rotate()
    house.take(event(2))
    house.lose_database()
    house.redis.flushdb()
    house.round()
    assert house.in_inbox() == ids(event(1))
    assert len(house.segments()) == 2
    house.find_database()
    until(lambda: house.round(later_s=120) or house.in_inbox() == ids(event(1), event(2)), 20)
    house.commit(event(1), event(2))
    until(lambda: house.round(later_s=180) or house.segments() == [], 20)


def test_without_postgresql_what_was_in_the_inbox_once_is_not_put_there_blindly(house):
    house.take(event(1))
    house.lose_database()
    house.redis.flushdb()
    house.round()
    assert house.in_inbox() == set()
    assert len(house.segments()) == 1


def test_a_round_notices_that_the_journals_disk_is_well_again(house, monkeypatch):
    fdatasync, now = os.fdatasync, time.monotonic()

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fdatasync", broken)
    with pytest.raises(JournalFault):
        house.journal.append_many([Entry("a", b"")])
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    assert not house.journal.is_writable
    monkeypatch.setattr("shared.journal.journal.time.monotonic", lambda: now + 5)
    house.drainer.once(now=now + 5)
    assert house.journal.is_writable


def test_a_dead_process_is_taken_over_at_once_and_only_its_missing_events_are_delivered(house):
    dead = Journal(house.folder, min_free_bytes=0)
    dead.append_many([Entry(one.event_id, one.record()) for one in (event(1), event(2))])
    dead.close()
    house.commit(event(1))
    house.round(later_s=0)
    assert house.in_inbox() == ids(event(2))


def test_a_dead_processs_segment_that_went_away_with_the_folder_and_came_back_is_drained_once(house):
    """A mount that is lost for a while: nothing of it is to be seen, and then all is there again."""
    dead = Journal(house.folder, min_free_bytes=0)
    dead.append_many([Entry(event(1).event_id, event(1).record())])
    dead.close()
    house.round(later_s=0)
    assert house.in_inbox() == ids(event(1))
    house.folder.rename(house.folder.with_name("aside"))
    house.folder.touch()
    house.round(later_s=20)
    house.folder.unlink()
    house.folder.with_name("aside").rename(house.folder)
    house.commit(event(1))
    house.round(later_s=60)
    house.round(later_s=120)
    assert house.segments() == []
    assert house.journal.closed_segments() == []


def test_redis_back_after_an_outage_has_the_unsent_events_within_two_seconds(hurt, own_redis):
    own_redis.child.kill()
    hurt.take(*[event(n) for n in range(5)], is_unsent=True)
    net = Every("drain", drain.PERIOD_S, Drainer(hurt.journal, hurt.redis, hurt.db).once)
    net.start()
    try:
        assert len(hurt.segments()) == 1
        own_redis.start()
        until(lambda: hurt.in_inbox() == ids(*[event(n) for n in range(5)]), 2.0)
    finally:
        net.stop()


def test_while_redis_is_away_rounds_are_short_and_nothing_is_lost_or_thrown(hurt, own_redis):
    for number in range(20):
        hurt.take(event(number), is_unsent=True)
        hurt.journal.rotate()
    own_redis.freeze()
    began = time.monotonic()
    hurt.round()
    assert time.monotonic() - began < 3.5  # one timeout of two seconds, not twenty
    own_redis.thaw()
    until(lambda: hurt.round() or len(hurt.in_inbox()) == 20, 20)


def test_a_redis_that_dies_during_delivery_makes_the_segment_unsent_again(hurt, own_redis):
    hurt.take(event(1))
    hurt.journal.rotate()
    own_redis.child.kill()
    hurt.round()
    (segment,) = hurt.journal.closed_segments()
    assert segment.has_unsent
    own_redis.start()
    own_redis.client.flushall()
    hurt.round(later_s=61)
    assert hurt.in_inbox() == ids(event(1))


def test_a_record_nobody_can_read_is_kept_aside_and_the_rest_is_delivered(house):
    house.journal.append_many([Entry("odd", b"\xff no json"), Entry(event(1).event_id, event(1).record())])
    house.round()
    assert house.in_inbox() == ids(event(1))
    house.commit(event(1))
    house.round(later_s=120)
    assert house.segments() == []
    assert len([*house.folder.glob("*.damaged")]) == 1
    house.round(later_s=180)
    assert house.in_inbox() == set()


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_damaged_segment_is_kept_aside_once_its_good_events_are_safe(house, is_whole):
    journal = house.journal if is_whole else Journal(house.folder, min_free_bytes=0)
    for number in range(3):
        journal.append_many([Entry(event(number).event_id, event(number).record())])
    journal.rotate()
    (path,) = house.folder.glob("*.seg")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    if not is_whole:
        journal.close()
    house.round()
    assert house.in_inbox() == ids(event(0), event(2))
    assert len(house.segments()) == 1
    house.commit(event(0), event(2))
    house.round(later_s=120)
    (kept,) = house.folder.glob("*.damaged")
    assert kept.read_bytes() == bytes(data)


def test_what_a_crash_tore_is_no_damage_but_in_a_segment_that_was_closed_it_is(house):
    crashed = Journal(house.folder, min_free_bytes=0)
    for journal in (house.journal, crashed):
        journal.append_many([Entry(event(1).event_id, event(1).record())])
        journal.rotate()
    for path in house.folder.glob("*.seg"):
        path.write_bytes(path.read_bytes() + path.read_bytes()[:30])
    crashed.close()
    house.commit(event(1))
    house.round()
    assert house.segments() == []
    assert len([*house.folder.glob("*.damaged")]) == 1


def test_a_segment_that_cannot_be_removed_is_tried_again_and_holds_nobody_up(house, monkeypatch):
    for number in (1, 2):
        house.take(event(number))
        house.journal.rotate()
    house.commit(event(1), event(2))
    settle = house.journal.settle
    first = house.journal.closed_segments()[0]

    def refused(segment) -> None:
        if segment is first:
            raise OSError(30, "read-only")
        settle(segment)

    monkeypatch.setattr(house.journal, "settle", refused)
    house.round()
    assert house.segments() == [first.path.name]
    monkeypatch.undo()
    house.round(later_s=61)
    assert house.segments() == [first.path.name]  # not every second
    house.round(later_s=90)
    assert house.segments() == []


def test_a_note_during_a_round_is_not_overheard(house, monkeypatch):
    house.take(event(1))
    house.journal.rotate()
    (segment,) = house.journal.closed_segments()
    put_many = inbox.put_many

    def noting(redis, batch) -> None:
        house.journal.note_unsent()
        put_many(redis, batch)

    monkeypatch.setattr(inbox, "put_many", noting)
    house.round()
    assert segment.has_unsent


def test_postgresql_is_asked_in_batches_of_bounded_size(house, monkeypatch):
    batches = []
    unseen = rows.unseen
    monkeypatch.setattr(rows, "unseen", lambda conn, asked: batches.append(len(asked)) or unseen(conn, asked))
    house.take(*[event(n) for n in range(450)], event(999, b"x" * 1_100_000), event(1000))
    house.round()
    assert batches == [200, 200, 51, 1]
    assert len(house.in_inbox()) == 452


def test_the_segments_of_two_drainers_do_not_mix(house):
    second = Journal(house.folder, min_free_bytes=0)
    other = Drainer(second, house.redis, house.db, rotate_s=0)
    house.take(event(1))
    second.append_many([Entry(event(2).event_id, event(2).record())])
    house.redis.flushdb()
    house.round()
    assert house.in_inbox() == ids(event(1))
    other.once(now=time.monotonic() + 60)
    assert house.in_inbox() == ids(event(1), event(2))


def test_what_comes_back_from_the_journal_is_the_event_that_went_in(house):
    odd = event(1, bytes(range(256)), query="a=ü&b=%00", token="t", answer="forward", provenance="webhook")
    house.take(odd)
    house.redis.flushdb()
    house.round()
    (claimed,) = inbox.claim(house.redis, limit=10)
    assert claimed.record == odd.record()
    assert replace(odd) == drain.from_record(claimed.record)
