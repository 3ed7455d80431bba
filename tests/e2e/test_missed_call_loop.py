"""UC-006 from end to end: missed call, text, reply, conversation, an answer by the AI or by a human, delivered."""

from collections.abc import Iterator

import pytest

from tests.e2e.missed_call_loop import Loop, house

PATIENT, PRESSED, DESIGNED = "+12125550160", "+12125550161", "+12125550162"
TOLD = ("incoming", "missed", "messages")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    with house(tmp_path_factory.mktemp("loop") / "run") as opened:
        yield opened


def test_two_customers_at_once_are_texted_heard_and_answered_each_in_their_own_conversation(loop: Loop):
    loop.ways(ai_after_s=4)
    patient, pressed = loop.calls(PATIENT), loop.calls(PRESSED)
    for customer, sid in ((PATIENT, patient), (PRESSED, pressed)):
        loop.wait_taken(customer, sid, "incoming", "missed")
        loop.wait_texts(customer, 1)
    loop.writes(PRESSED, "My cellar is full of water")
    loop.writes(PATIENT, "The tap still drips")
    loop.wait_taken(PRESSED, pressed, *TOLD)
    loop.human_answers(loop.conversation(pressed)["id"], "I am on my way")
    loop.wait_taken(PATIENT, patient, *TOLD)
    for customer in (PATIENT, PRESSED):
        loop.wait_texts(customer, 2)

    assert [who for who, _ in loop.said(patient)] == ["system", "customer", "ai"]
    assert loop.said(pressed)[1:] == [("customer", "My cellar is full of water"), ("human", "I am on my way")]
    assert [text for _, text in loop.said(patient)][0::2] == loop.bodies(PATIENT)
    assert [text for _, text in loop.said(pressed)][0::2] == loop.bodies(PRESSED)

    # The AI that has begun answers the next message before it acknowledges it.
    loop.writes(PATIENT, "Tuesday would suit me")
    loop.wait_texts(PATIENT, 3)
    assert "Tuesday would suit me" in loop.bodies(PATIENT)[2]
    assert loop.conversation(patient)["customer_phone"] == PATIENT
    assert len(loop.stage.as_call()["conversations"]) == 2


def test_a_service_that_speaks_as_it_was_designed_is_understood_too(loop: Loop):
    loop.ways(dialect="designed", answer="top", ai_after_s=None)
    try:
        sid = loop.calls(DESIGNED)
        loop.wait_texts(DESIGNED, 1)
        loop.writes(DESIGNED, "Please call me back")
        loop.wait_taken(DESIGNED, sid, *TOLD)
        assert loop.said(sid)[-1] == ("customer", "Please call me back")
    finally:
        loop.ways(dialect="running", answer="data")
