"""What clients get to see of a row."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

from ingress.api import resources
from shared.db.recordings import Recording

AT = datetime(2026, 3, 1, 12, 30, 0, 5, UTC)
STORED = Recording(
    recording_sid="RE" + "0" * 32, call_sid="CA" + "0" * 32, account_sid="AC" + "0" * 32, state="stored", duration_s=7,
    channels=2, source="DialVerb", object_key="k", content_type="audio/wav", size_bytes=10, sha256=bytes(32),
    blocks=bytes(32), copy=1, retention_class=None, damage=None, checked_at=None, error_reason=None,
    announced_at=AT.astimezone(timezone(timedelta(hours=2))), available_at=AT, fetched_at=AT, verified_at=AT, stored_at=AT,
    absent_at=None, failed_at=None, provider_deleted_at=None, deleted_at=None,
)  # fmt: skip


def test_times_are_utc_whatever_zone_the_store_answers_in():
    assert resources.recording(STORED)["announced_at"] == "2026-03-01T12:30:00.000005Z"


def test_a_stored_recording_says_where_its_sound_is():
    shown = resources.recording(STORED)
    assert shown["media_url"] == f"/api/recordings/{STORED.recording_sid}?media=1"
    assert shown["sha256"] == "00" * 32


def test_neither_the_account_nor_the_key_of_the_store_is_shown():
    assert not {"account_sid", "object_key"} & resources.recording(STORED).keys()


def test_ids_are_texts():
    from shared.db.events import StoredEvent
    from shared.db.texts import Text

    message = Text(
        id=UUID(int=1), message_sid=None, tenant_id=None, client="crm", idempotency_key=None, direction="outbound",
        from_number="+14155550100", to_number="+12125550142", body="Hi", media=[{"url": "https://example.com/a"}],
        status=None, send_state="queued", sending_since=None, error_code=None, error_reason=None, segments=None,
        is_conflicted=False, created_at=AT, updated_at=AT, messaging_service_sid=None, purpose="transactional", lane=1,
        send_at=None, expires_at=None, estimated_send_at=None, on_unknown="resend", encoding="GSM-7", planned_segments=1,
        bulk_id=None, decision=None, decision_rules=None, held_until=None, consent_id=None, decided_at=None, price=None,
        price_unit=None, carrier_done_at=None, retry_of=None, nth_try=1, retried_as=None,
    )  # fmt: skip
    shown = resources.message(message)
    assert (shown["id"], shown["status"], shown["message_sid"]) == (str(UUID(int=1)), "queued", None)
    assert (shown["from"], shown["to"], shown["media_urls"]) == (
        "+14155550100", "+12125550142", ["https://example.com/a"],
    )  # fmt: skip
    event = StoredEvent("call-in:CA1", "call-in", "webhook", AT, None, None)
    assert resources.event(event)["processed_at"] is None
