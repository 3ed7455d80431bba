"""What was said: kept without secrets, told once, and gone with its recording, wherever it lay."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from shared.db import recording_deletions, recordings, set_aside, transcriptions
from shared.db.transcriptions import Heard
from shared.domain.event import from_record
from tests.integration.workers.conftest import ACCOUNT, TENANT, event
from tests.integration.workers.keeping import CALL, a_call, sid_of
from workers import live_words, said

LIVE, WORDS, RECORDING = "GT" + "6" * 32, "TR" + "5" * 32, sid_of(1)


def live(step, sequence, text="", track="inbound_track", final="true", at=None, **more):
    return event("status", TranscriptionSid=LIVE, TranscriptionEvent=f"transcription-{step}", CallSid=CALL, Track=track,
                 SequenceId=str(sequence), Final=final, TranscriptionData=f'{{"transcript":"{text}","confidence":0.5}}',
                 Timestamp=f"2026-03-01T14:22:{at or sequence:02d}.5Z", **more)  # fmt: skip


def of_recording(text, status="completed", **more):
    return event("status", TranscriptionSid=WORDS, TranscriptionStatus=status, TranscriptionText=text, CallSid=CALL,
                 RecordingSid=RECORDING, **more)  # fmt: skip


class House:
    """A call with one recording that Twilio has made known."""

    def __init__(self, world):
        self.world, self.rt = world, world.rt
        with self.conn() as conn:
            a_call(conn, datetime.now(UTC))
        self.announce(RECORDING)

    def conn(self):
        return self.rt.db.connection()

    def announce(self, sid):
        with self.conn() as conn:
            recordings.announce(conn, recording_sid=sid, call_sid=CALL, account_sid=ACCOUNT.sid, state="available")

    def happens(self, *events):
        self.world.happens(*events)

    def settle(self):
        """Ten quiet seconds have passed."""
        self.world.rows("update transcriptions set updated_at = updated_at - interval '1 hour' returning 1")
        self.world.rows(
            "update jobs set next_at = now() where kind = 'transcription.settle' and state = 'due' returning 1"
        )
        return self.world.work("transcription.settle")

    def said(self, sid=LIVE):
        return self.world.one("select text from transcriptions where transcription_sid = %s", sid)

    def told(self):
        return self.world.rows(
            "select type, subject, data from notifications where type like 'transcription.%%' order by created_at"
        )

    def ask(self, sid=RECORDING):
        with self.conn() as conn:
            return recording_deletions.ask(conn, sid, reason="request", asked_by="test")

    def delete(self, sid=RECORDING):
        self.ask(sid)
        with self.conn() as conn:
            recording_deletions.begin(conn, sid)
            recording_deletions.finish(conn, sid)

    def everything(self):
        """All that PostgreSQL holds, as text."""
        tables = [
            name for (name,) in self.world.rows("select tablename from pg_tables where schemaname = current_schema()")
        ]
        return "\n".join(
            str(row) for table in tables for row in self.world.rows(f"select t::text from {table} as t")
        ) + "\n".join(
            body.decode("latin-1")
            for (body,) in self.world.rows("select body from events union all select body from event_conflicts")
        )  # fmt: skip


@pytest.fixture
def house(world):
    return House(world)


# --- of a recording ---


def test_words_of_a_recording_are_kept_without_secrets_and_told(house):
    house.happens(of_recording("my card is 4242 4242 4242 4242 bye", LanguageCode="en-US"))
    assert house.said(WORDS) == "my card is [card] bye"
    ((type_, subject, data),) = house.told()
    assert (type_, subject) == ("transcription.completed", WORDS)
    assert data == {
        "transcription_sid": WORDS, "recording_sid": RECORDING, "call_sid": CALL, "tenant_id": TENANT, "status": "completed",
        "provider": "twilio", "language": "en-US", "confidence": None, "redactions": 1, "text": "my card is [card] bye",
        "is_truncated": False, "is_erased": False, "error_code": None, "error_reason": None,
        "transcription_url": f"/api/recordings/{RECORDING}/transcription",
    }  # fmt: skip
    house.world.work("deliver")
    sent = [body for _, _, body in house.world.subscriber.got if body["type"].startswith("transcription.")]
    assert [body["data"] for body in sent] == [data]


def test_one_that_failed_is_told_as_failed_and_only_once(house):
    house.happens(of_recording("", "failed"), of_recording("", "failed"), of_recording("late", "completed"))
    assert [(type_, data["text"]) for type_, _, data in house.told()] == [("transcription.failed", "")]


def test_a_long_text_is_told_in_part_and_kept_whole(house):
    text = "é" * 10_000
    house.happens(of_recording(text))
    ((_, _, data),) = house.told()
    assert (len(data["text"].encode()), data["is_truncated"], house.said(WORDS)) == (16_384, True, text)


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_any_order_of_what_engines_and_twilio_say_ends_the_same(house, order):
    heard = [
        Heard(transcription_sid=WORDS, account_sid="AC1", status=status, at=datetime(2026, 1, n, tzinfo=UTC), text=text,
              recording_sid=RECORDING, provider="http", confidence=confidence, error_reason=reason,
              segments=[{"start_s": 0, "end_s": 1, "text": text}] if text else None)
        for n, (status, text, confidence, reason) in enumerate(
            [("completed", "b", 0.5, None), ("completed", "a pin is 1234", 0.9, None), ("in-progress", "", None, "slow")], 1)
    ]  # fmt: skip
    with house.conn() as conn:
        for n in order:
            said.record(conn, heard[n])
    row = house.world.rows(
        "select status, text, confidence, redactions, segments, error_reason, started_at from transcriptions"
    )
    assert row == [
        ("completed", "b", 0.5, 0, [{"start_s": 0, "end_s": 1, "text": "b"}], "slow", datetime(2026, 1, 1, tzinfo=UTC))
    ]
    assert len(house.told()) == 1


def test_a_secret_over_two_segments_is_in_neither(house):
    pieces = ["my card is 4242 4242", "4242 4242", "thanks"]
    segments = [{"start_s": n, "end_s": n + 1, "text": text, "words": [text]} for n, text in enumerate(pieces)]
    with house.conn() as conn:
        said.record(
            conn,
            Heard(transcription_sid=WORDS, account_sid="AC1", status="completed", at=datetime.now(UTC), provider="http",
                  recording_sid=RECORDING, text=" ".join(pieces), segments=segments, confidence=0.75),
        )  # fmt: skip
    text, segments, redactions = house.world.rows("select text, segments, redactions from transcriptions")[0]
    assert (text, redactions) == ("my card is [card] thanks", 1)
    assert [one["text"] for one in segments] == ["my card is [card]", "", "thanks"]
    assert "words" not in segments[0]
    assert "4242" not in house.everything()


def test_segments_that_hide_less_than_the_text_are_not_kept(house):
    segments = [{"start_s": 0, "end_s": 1, "text": "pin"}, {"start_s": 1, "end_s": 2, "text": "uhm 1234"}]
    heard = Heard(transcription_sid=WORDS, account_sid="AC1", status="completed", at=datetime.now(UTC), text="pin is 1234",
                  segments=segments)  # fmt: skip
    clean = said.cleaned(heard)
    assert (clean.text, clean.segments, clean.redactions) == ("pin is [pin]", None, 1)


# --- of a live call ---


def talk():
    return [
        live("started", 1, track="both_tracks", InboundTrackLabel="customer", OutboundTrackLabel="agent"),
        live("content", 2, "my card is 4242"), live("content", 3, "go on", "outbound_track"),
        live("content", 4, "4242 42", final="false"), live("content", 5, "4242 4242"), live("content", 6, "4242 thanks"),
        live("stopped", 7),
    ]  # fmt: skip


WHOLE = "customer: my card is [card]\nagent: go on\ncustomer: thanks"


def test_a_card_number_said_in_pieces_is_gone_from_the_text_the_parts_and_the_events(house):
    house.happens(*talk())
    assert (house.said(), house.told()) == ("", [])
    assert house.settle() == ["done"]
    assert house.said() == WHOLE
    parts = house.world.rows("select track, sequence, text from transcription_parts order by sequence")
    assert parts == [("inbound_track", 2, "my card is [card]"), ("outbound_track", 3, "go on"), ("inbound_track", 5, ""),
                     ("inbound_track", 6, " thanks")]  # fmt: skip
    assert "4242" not in house.everything()
    assert house.world.rows("select confidence, redactions, status from transcriptions") == [(0.5, 1, "completed")]
    ((type_, subject, data),) = house.told()
    assert (type_, subject, data["text"], data["redactions"]) == ("transcription.completed", LIVE, WHOLE, 1)
    assert data["transcription_url"] == f"/api/calls/{CALL}/transcriptions"


def test_an_event_that_holds_no_secret_stays_byte_for_byte(house):
    events = [live("content", 2, "hello"), live("content", 3, "pin is"), live("content", 4, "1234"), live("stopped", 5)]
    house.happens(*events)
    house.settle()
    kept = dict(house.world.rows("select event_id, body from events"))
    assert [kept[one.event_id] == one.body for one in events] == [True, True, False, True]
    assert house.world.one("select count(*) from events where words_out_at is not null") == 1
    house.happens(*events)  # Twilio's retries are known as such
    assert house.world.one("select count(*) from event_conflicts") == 0


def test_a_piece_that_comes_after_the_end_is_joined_and_told_to_nobody(house):
    *rest, stopped = talk()
    held = rest.pop(-1)
    house.happens(*rest, stopped)
    house.settle()
    house.happens(held, live("content", 8, "and my pin is"))
    house.happens(live("content", 9, "1234"))
    assert house.said() == f"{WHOLE} and my pin is [pin]"
    assert "4242" not in house.everything()  # nor in what was told, which may not have left yet
    assert len(house.told()) == 1


def test_the_end_waits_for_quiet(house):
    house.happens(live("content", 2, "hello"), live("stopped", 3))
    assert house.world.work("transcription.settle") == ["deferred"]
    assert house.world.one(
        "select next_at > now() + interval '5 seconds' from jobs where kind = 'transcription.settle'"
    )


def test_one_whose_end_is_never_told_ends_with_its_call(house):
    house.world.rows("update calls set ended_at = null returning 1")
    house.happens(live("content", 2, "hello"))
    assert house.settle() == ["deferred"]
    house.world.rows("update calls set ended_at = now() returning 1")
    assert house.settle() == ["done"]
    assert (house.said(), len(house.told())) == ("hello", 1)


def test_one_that_fails_after_it_was_heard_is_told_as_failed_with_its_words(house):
    house.happens(live("content", 2, "hello"), live("stopped", 3), live("error", 4, TranscriptionErrorCode="32655"))
    house.settle()
    ((type_, _, data),) = house.told()
    assert (type_, data["text"], data["error_code"]) == ("transcription.failed", "hello", 32655)


# --- deleted ---


def test_a_deletion_takes_the_words_from_wherever_they_are(house):
    house.happens(of_recording("Zanzibar"), live("content", 2, "Zanzibar"), live("content", 3, "Zanzi", final="false"),
                  live("stopped", 4))  # fmt: skip
    house.happens(of_recording("Zanzibar", LanguageCode="en"))  # another body under the same key
    house.settle()
    house.world.work("deliver")
    assert house.everything().count("Zanzibar") >= 8
    house.delete()
    assert "Zanzi" not in house.everything()
    assert [(data["text"], data["is_erased"]) for _, _, data in house.told()] == [("", True)] * 2
    assert house.world.rows("select status, text from transcriptions") == [("completed", "")] * 2


def test_words_that_were_set_aside_go_too(house):
    odd = of_recording("Zanzibar")
    with house.conn() as conn:
        set_aside.keep(conn, event_id=odd.event_id, record=odd.record(), reason="a bug", tries=8)
        set_aside.keep(conn, event_id="x", record=RECORDING.encode() + b" no record", reason="unreadable", tries=1)
    house.delete()
    kept = from_record(house.world.one("select record from set_aside where event_id = %s", odd.event_id))
    assert (kept.params, kept.event_id) == ({**odd.params, "TranscriptionText": ""}, odd.event_id)


def test_what_waits_to_be_told_is_told_without_the_words(house):
    house.happens(of_recording("Zanzibar"))
    house.delete()
    house.world.work("deliver")
    (sent,) = [body["data"] for _, _, body in house.world.subscriber.got if body["type"] == "transcription.completed"]
    assert (sent["text"], sent["is_erased"], sent["transcription_sid"]) == ("", True, WORDS)


@pytest.mark.parametrize("is_done", [False, True])
def test_words_that_come_late_do_not_come_back(house, is_done):
    house.happens(of_recording("", "in-progress"))
    house.delete() if is_done else house.ask()
    house.happens(of_recording("Zanzibar"), live("content", 2, "Zanzibar"), live("stopped", 3))
    house.settle()
    assert "Zanzibar" not in house.everything()
    assert house.told() == []
    with house.conn() as conn:
        heard = Heard(transcription_sid="HT1", account_sid="AC1", status="completed", at=datetime.now(UTC), text="Zanzibar",
                      recording_sid=RECORDING, provider="http")  # fmt: skip
        assert not said.record(conn, heard)
    assert "Zanzibar" not in house.everything()


def test_what_was_heard_live_stays_until_the_last_recording_of_its_call_goes(house):
    house.announce(sid_of(2))
    house.happens(live("content", 2, "hello"), live("stopped", 3))
    house.settle()
    house.delete()
    assert house.said() == "hello"
    house.delete(sid_of(2))
    assert house.said() == ""


def test_what_was_heard_in_a_call_without_a_recording_stays(house):
    house.world.rows("delete from recordings returning 1")
    house.happens(live("content", 2, "hello"), live("stopped", 3))
    house.settle()
    assert house.said() == "hello"


def test_a_live_one_that_ends_after_the_deletion_is_told_to_nobody(house):
    house.happens(live("content", 2, "Zanzibar"), live("stopped", 3))
    house.ask()
    house.settle()
    assert (house.said(), house.told()) == ("", [])
    with house.conn() as conn:
        live_words.join(conn, LIVE)
    house.delete()
    assert "Zanzibar" not in house.everything()


def test_a_deletion_that_is_being_asked_for_waits_for_words_that_are_being_kept(house):
    with house.conn() as conn, house.conn() as other:
        transcriptions.is_to_go(conn, recording_sid=RECORDING, call_sid="")
        other.execute("set local lock_timeout = '50ms'")
        with pytest.raises(Exception, match="lock timeout"):
            recording_deletions.ask(other, RECORDING, reason="request", asked_by="test")
        other.rollback()


def test_an_event_is_not_rewritten_without_saying_when(house):
    house.happens(of_recording("hello"))
    for change in ("body = 'x'", "body = 'x', words_out_at = null", "body_sha256 = sha256('x'), words_out_at = now()"):
        with pytest.raises(Exception, match="does not change"), house.conn() as conn:
            conn.execute(f"update events set {change}")


def test_a_day_is_enough_for_any_call():
    assert timedelta(days=1) < live_words.LONGEST
