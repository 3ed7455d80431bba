"""The live feed tells what happened in one short line, and nothing of what is no event."""

import json
from pathlib import Path

import pytest

from ops.stack.feed import Feed, told

SENT = {
    "event": "sms_sent",
    "level": "info",
    "ts": "2026-01-02T12:03:01.123Z",
    "message_sid": "SM0123456789abcdef0123456789abcd9f",
    "took_ms": 211.6,
}


def test_an_event_is_clock_name_whose_and_how_long():
    assert told(json.dumps(SENT).encode()) == "12:03:01 sms_sent SM…cd9f 212 ms"


def test_a_duration_in_seconds_is_told_in_milliseconds():
    line = {"event": "webhook_accepted", "ts": SENT["ts"], "duration_s": 0.0042, "outcome": "ok"}
    assert told(json.dumps(line).encode()) == "12:03:01 webhook_accepted ok 4 ms"


def test_a_warning_says_so():
    assert told(json.dumps({**SENT, "level": "warning"}).encode()).endswith("(warning)")


@pytest.mark.parametrize("raw", [b"Traceback (most recent call last):", b"[1, 2]", b'"text"', b'{"no": "event"}', b""])
def test_what_is_no_event_is_not_told(raw: bytes):
    assert told(raw) == ""


def test_debug_lines_are_not_told():
    assert told(json.dumps({**SENT, "level": "debug"}).encode()) == ""


def test_only_what_is_new_is_told_and_a_line_only_when_it_is_whole(tmp_path: Path):
    log = tmp_path / "sms.log"
    log.write_text(json.dumps(SENT) + "\n")
    feed = Feed(tmp_path)
    assert list(feed.lines()) == []
    whole = json.dumps({**SENT, "event": "sms_deferred"}) + "\n"
    with log.open("a") as file:
        file.write(whole[:20])
        file.flush()
        assert list(feed.lines()) == []
        file.write(whole[20:])
    assert [line.split()[1] for line in feed.lines()] == ["sms_deferred"]


def test_a_log_that_was_moved_aside_is_read_from_its_beginning(tmp_path: Path):
    log = tmp_path / "sms.log"
    log.write_text("x" * 500)
    feed = Feed(tmp_path)
    log.write_text(json.dumps(SENT) + "\n")
    assert len(list(feed.lines())) == 1
