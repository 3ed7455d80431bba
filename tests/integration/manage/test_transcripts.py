"""What was said, from the command line: found, shown, audited."""

from datetime import UTC, datetime

from shared.db import recording_deletions
from tests.integration.workers.conftest import TENANT, event
from tests.integration.workers.keeping import CALL, a_call, sid_of

WORDS, RECORDING = "TR" + "5" * 32, sid_of(1)


def test_words_are_found_and_shown_for_a_purpose_until_they_are_to_go(cli, world):
    with world.rt.db.connection() as conn:
        a_call(conn, datetime.now(UTC))
    world.happens(
        event("recording", RecordingSid=RECORDING, RecordingStatus="completed", CallSid=CALL),
        event("status", TranscriptionSid=WORDS, TranscriptionStatus="completed", TranscriptionText="a leak in the kitchen",
              CallSid=CALL, RecordingSid=RECORDING),
    )  # fmt: skip
    (hit,) = cli.json("transcripts", "search", "leak", "--tenant", TENANT, "--purpose", "dispute 7")
    assert hit["transcription_sid"] == WORDS
    assert hit["excerpt"].endswith("*leak* in the kitchen")  # PostgreSQL leaves out short words at the ends
    assert cli.json("transcripts", "search", "leak", "--tenant", "other", "--purpose", "dispute 7") == []
    for sid in (WORDS, RECORDING):
        assert cli.json("transcripts", "show", sid, "--purpose", "dispute 7")["text"] == "a leak in the kitchen"
    acts = world.rows("select action, purpose, tenant_id from audit where actor like 'cli:%%' order by id")
    assert acts == [("transcript.searched", "dispute 7", TENANT), ("transcript.searched", "dispute 7", "other"),
                    *[("transcript.read", "dispute 7", TENANT)] * 2]  # fmt: skip
    cli("transcripts", "show", WORDS, "--purpose", " ", status=2)
    cli("transcripts", "show", "TR" + "0" * 32, "--purpose", "dispute 7", status=1)
    with world.rt.db.connection() as conn:
        recording_deletions.ask(conn, RECORDING, reason="request", asked_by="test")
    cli("transcripts", "show", WORDS, "--purpose", "dispute 7", status=1)
    assert cli.json("transcripts", "search", "leak", "--purpose", "dispute 7") == []
