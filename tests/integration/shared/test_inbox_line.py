"""An ingress process's line to the inbox, on a real Redis."""

from collections.abc import Iterator

import pytest
from redis import Redis

from shared import inbox
from shared.inbox_line import InboxLine
from tests.integration.ingress.test_drain import event


@pytest.fixture
def line(redis_url) -> Iterator[InboxLine]:
    opened = InboxLine(redis_url)
    yield opened
    opened.close()


def test_an_inbox_that_is_full_is_left_alone_unless_there_is_no_other_store(line, redis_url, monkeypatch):
    monkeypatch.setattr(inbox, "MOST_STORED", 1)
    assert line.put([event(1)])
    assert not line.put([event(2)])
    assert not line.is_cut
    assert line.put_patiently([event(2)])
    with Redis.from_url(redis_url) as redis:
        assert [claimed.event_id for claimed in inbox.claim(redis, limit=10)] == [event(1).event_id, event(2).event_id]
