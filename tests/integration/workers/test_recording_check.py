"""A call was to be recorded: is its recording there some minutes later?"""

from itertools import permutations

import pytest
from prometheus_client import REGISTRY

from tests.integration.workers.conftest import BUSINESS, CUSTOMER, OWNER, TENANT, event

CALL, LEG, SID = "CA" + "1" * 32, "CA" + "2" * 32, "RE" + "1" * 32
FACTS = {"CallSid": CALL, "From": CUSTOMER, "To": BUSINESS, "Direction": "inbound"}
URL = f"https://api.twilio.com/2010-04-01/Accounts/AC/Recordings/{SID}"


def incoming():
    return event("call", answer="forward", CallStatus="ringing", **FACTS)


def dialled(result="completed", bridged="true"):
    return event("dial", CallStatus="in-progress", DialCallStatus=result, DialBridged=bridged, DialCallSid=LEG, **FACTS)


def leg():
    return event("status", CallSid=LEG, ParentCallSid=CALL, From=CUSTOMER, To=OWNER, Direction="outbound-dial",
                 CallStatus="completed", CallDuration="9")  # fmt: skip


def completed():
    return event("status", CallStatus="completed", CallDuration="21", **FACTS)


def voicemail():
    return event("voicemail", CallStatus="completed", RecordingUrl=URL, RecordingDuration="7", Digits="hangup", **FACTS)


def recorded(status="completed", *, sid=SID, call=CALL, **more):
    return event("recording", RecordingSid=sid, RecordingStatus=status, CallSid=call, RecordingSource="DialVerb",
                 ErrorCode="0", **more)  # fmt: skip


def taken(world, *more, wanted=True):
    """A call that somebody took and that was to be recorded, from its first webhook to its last."""
    world.happens(incoming())
    world.rows("update calls set recording_wanted = %s returning id", wanted)
    world.happens(dialled(), leg(), completed(), *more)


def look(world, *, late=True):
    """What the check comes to: at its first look, or when the time of the recording is up."""
    world.rows("update jobs set next_at = now() where kind = 'recording.expect' returning id")
    if late:
        world.rows(
            "update jobs set created_at = now() - interval '1 hour' where kind = 'recording.expect' returning id"
        )
    return world.work("recording.expect")


def promised(world):
    return world.rows("select ref from jobs where kind = 'recording.expect'")


def alarms(world):
    return world.rows(
        "select resource_sid, level, resolved_at is not null from alerts where source = 'recording-missing'"
    )


def told(world):
    return world.rows(
        "select data ->> 'state', data ->> 'error_reason', data ->> 'recording_sid', tenant_id from notifications"
        " where type = 'recording.failed'"
    )


def steps(world, *, of=CALL):
    return world.rows("select name from call_steps where call_sid = %s and step = 'recording' order by id", of)


def counted(outcome):
    return REGISTRY.get_sample_value("twilio_server_recordings_total", {"outcome": outcome}) or 0


def test_a_recording_that_never_comes_is_an_alarm_once(world):
    before = counted("missing")
    taken(world)
    assert look(world) == ["done"]
    assert alarms(world) == [(CALL, "error", False)]
    assert told(world) == [("missing", "missing", None, TENANT)]
    assert steps(world) == [("missing",)]
    assert counted("missing") == before + 1
    world.rows("update jobs set state = 'due', finished_at = null where kind = 'recording.expect' returning id")
    assert look(world) == ["done"]
    assert (len(alarms(world)), len(told(world)), counted("missing")) == (1, 1, before + 1)


def test_a_recording_has_its_time_to_come(world):
    taken(world)
    assert look(world, late=False) == ["deferred"]
    assert alarms(world) == []
    assert world.one("select attempts from jobs where kind = 'recording.expect'") == 0
    assert (
        500 < world.one("select extract(epoch from next_at - now()) from jobs where kind = 'recording.expect'") <= 600
    )


def test_a_recording_that_came_is_no_alarm_and_the_look_is_short(world):
    taken(world, recorded("in-progress"), recorded(RecordingDuration="9"))
    assert look(world, late=False) == ["done"]
    assert (alarms(world), told(world)) == ([], [])
    assert steps(world) == [(f"in-progress {SID}",), (f"completed {SID}",)]


def test_a_recording_that_came_under_its_legs_sid_is_the_calls(world):
    taken(world, recorded(call=LEG, RecordingDuration="9"))
    assert look(world) == ["done"]
    assert alarms(world) == []


def test_a_recording_that_comes_late_resolves_the_alarm(world):
    taken(world)
    look(world)
    before = counted("found")
    world.happens(recorded(call=LEG, RecordingDuration="9"))
    assert alarms(world) == [(CALL, "error", True)]
    assert ("found",) in steps(world)
    assert counted("found") == before + 1
    world.happens(recorded(call=LEG, RecordingDuration="9"))
    assert counted("found") == before + 1


def test_a_recording_that_was_only_announced_is_fetched_all_the_same(world):
    taken(world, recorded("in-progress"))
    assert look(world, late=False) == ["deferred"]
    assert world.one("select count(*) from jobs where kind = 'recording.fetch'") == 0
    assert look(world) == ["done"]
    assert world.rows("select ref from jobs where kind = 'recording.fetch'") == [(SID,)]
    assert alarms(world) == []


def test_an_absent_recording_of_people_who_spoke_is_an_alarm(world):
    taken(world, recorded("absent", RecordingDuration="0"))
    assert look(world) == ["done"]
    assert alarms(world) == [(CALL, "error", False)]
    assert told(world) == [("missing", "absent", SID, TENANT)]


@pytest.mark.parametrize(("seconds", "found"), [("0", []), ("7", [(CALL, "error", False)])])
def test_an_absent_voicemail_is_a_silent_caller_unless_twilio_counted_seconds(world, seconds, found):
    world.happens(incoming(), dialled("no-answer", "false"), completed())
    world.happens(recorded("absent", RecordingDuration=seconds))
    assert look(world) == ["done"]
    assert alarms(world) == found


def test_a_voicemail_whose_callback_is_lost_is_fetched(world):
    world.happens(incoming(), dialled("no-answer", "false"), voicemail(), completed())
    assert look(world) == ["done"]
    assert world.rows("select ref from jobs where kind = 'recording.fetch'") == [(SID,)]


@pytest.mark.parametrize(
    "change", ["recording_wanted = false", "consent_way = 'press', consent = 'declined'", "screening = 'press'"]
)
def test_no_recording_is_expected_of_a_call_that_was_not_to_be_recorded(world, change):
    world.happens(incoming())
    world.rows("update calls set recording_wanted = true returning id")
    world.rows(f"update calls set {change} returning id")
    world.happens(dialled(), completed())
    assert promised(world) == []


def test_no_recording_is_expected_of_a_call_that_nobody_took(world):
    world.happens(incoming())
    world.rows("update calls set recording_wanted = true returning id")
    world.happens(dialled("no-answer", "false"), completed())
    assert promised(world) == []


def test_a_look_is_promised_in_whatever_order_the_call_is_heard_of(world):
    for order in permutations([dialled(), completed(), recorded("in-progress"), leg()]):
        world.rows("delete from jobs returning id")
        world.rows("delete from recordings returning recording_sid")
        world.rows("delete from calls returning id")
        world.rows("delete from events returning key")
        world.happens(*order)
        assert promised(world) == [(CALL,)]


def test_a_recording_of_a_call_that_is_over_is_looked_for_though_it_began_by_the_api(world):
    taken(world, recorded("in-progress"), wanted=False)
    assert promised(world) == [(CALL,)]
    assert look(world) == ["done"]
    assert world.rows("select ref from jobs where kind = 'recording.fetch'") == [(SID,)]
