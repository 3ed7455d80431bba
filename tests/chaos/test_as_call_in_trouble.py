"""as-call-service slow, failing and down: nothing is lost, told in order when it is back, and nobody is texted twice.

The stand-in repeats as the running code does: every report of a missed call that it takes has a text sent.
"""

from collections.abc import Iterator, Mapping

import pytest

from tests.e2e.missed_call_loop import Loop, house, wait_for

# Beyond our patience of 15 s for one answer.
LATE_S = 17
LOST = {"is_cut": True, "when": "after"}
# By the customer who meets it: what goes wrong with the call's own requests, and with the reply after it.
TROUBLES: Mapping[str, tuple[list[dict[str, object]], list[dict[str, object]]]] = {
    "+12125550170": ([{"path": "/missed", "status": 0, "delay_s": LATE_S}], []),
    "+12125550171": ([{"path": "/missed", "status": 0, "delay_s": LATE_S, "when": "after"}], []),
    "+12125550172": (
        [{"path": "/incoming", "status": 500, "times": 2}, {"path": "/missed", "status": 500, "times": 2}],
        [],
    ),
    "+12125550173": ([{"path": "/incoming", "status": 200}, {"path": "/missed", "status": 200, "times": 2}], []),
    "+12125550174": ([{"path": "/incoming", **LOST}, {"path": "/missed", **LOST}], [{"path": "/messages", **LOST}]),
    "+12125550175": ([{"path": "/missed", "status": 502, "when": "after"}], [{"path": "/messages", "status": 200}]),
}
WAITING, LATER = "+12125550176", "+12125550177"

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    with house(tmp_path_factory.mktemp("loop") / "run") as opened:
        opened.ways(ai_after_s=None)
        yield opened


@pytest.fixture(scope="module")
def sids(loop: Loop) -> dict[str, str]:
    """Everybody has called at once, each into a trouble of their own; the call SIDs by customer."""
    # The phones ring in real time until every trouble is ordered.
    loop.speed(1)
    found = {customer: loop.calls(customer) for customer in TROUBLES}
    loop.trouble(
        *({"about": found[customer], **one} for customer, (first, _) in TROUBLES.items() for one in first),
        *({"about": customer, **one} for customer, (_, later) in TROUBLES.items() for one in later),
    )
    loop.speed(20)
    return found


@pytest.mark.parametrize("customer", TROUBLES)
def test_whatever_goes_wrong_a_customer_is_texted_once_and_the_reply_is_heard(
    loop: Loop, sids: dict[str, str], customer: str
):
    sid = sids[customer]
    troubles = len(TROUBLES[customer][0])
    wait_for(lambda: "missed" in loop.taken(customer, sid), "the missed call is taken")
    # Whoever is late still does its work, when we have long asked again.
    wait_for(lambda: len(loop.told(customer, sid)) >= 2 + troubles, "every trouble was met")
    loop.wait_texts(customer, 1)
    loop.writes(customer, "Please call me back")
    wait_for(lambda: "messages" in loop.taken(customer, sid), "the reply is taken")

    assert [body for _, body in loop.heard(customer)] == ["Please call me back"]
    in_order = [what for what, _ in loop.told(customer, sid)]
    assert in_order == sorted(in_order, key=["incoming", "missed", "messages"].index)
    assert loop.text_backs(customer) == len(loop.texts(customer)) == 1


def test_what_happens_while_it_is_down_is_told_in_order_when_it_is_back(loop: Loop, sids: dict[str, str]):
    loop.trouble({"is_cut": True, "times": None})
    waiting = loop.calls(WAITING)
    wait_for(lambda: loop.decision(waiting) == "missed", "the call is decided")
    text_sid = loop.writes(WAITING, "Hello? Is anybody there?")
    wait_for(
        lambda: loop.stage.events(text_sid)[:1] and loop.stage.events(text_sid)[0]["processed_at"], "the text is known"
    )
    later = loop.calls(LATER)
    wait_for(lambda: len(loop.told(LATER, later)) > 1 and len(loop.told(WAITING, waiting)) > 1, "each was tried twice")
    assert {what for what, _ in loop.told(WAITING, waiting)} == {"incoming"}
    assert loop.taken(WAITING, waiting) == loop.texts(WAITING) == []

    loop.trouble()
    loop.wait_taken(WAITING, waiting, "incoming", "missed", "messages")
    loop.wait_taken(LATER, later, "incoming", "missed")
    for customer in (WAITING, LATER):
        loop.wait_texts(customer, 1)
    assert loop.said(waiting) == [*loop.said(waiting)[:1], ("customer", "Hello? Is anybody there?")]
    assert loop.text_backs(WAITING) == loop.text_backs(LATER) == 1
