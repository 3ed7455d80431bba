"""A sender's queue: its rate, its end, and how long a message waits in it."""

import pytest

FROM, TO = "+14155550100", "+12125550142"
FORM = {"To": TO, "From": FROM, "Body": "x"}


def create(sim, **more):
    return sim.rest("POST", "/Messages.json", {k: v for k, v in (FORM | more).items() if v})


def message(sim, sid):
    return sim.sim("GET", f"/messages/{sid}")


def test_messages_leave_at_their_senders_rate_of_segments(sim, receiver):
    """At 1 segment a second and a speed of 100, texts of 5 segments leave 50 ms apart."""
    sim.number(FROM)
    sim.sim("POST", "/settings", {"message_step_s": 0})
    for number in range(4):
        create(sim, Body=f"{number}" * 700, StatusCallback=f"{receiver.url}/status")
    receiver.wait_for("/status", 8)
    sent_s = max(w["sent_ns"] / 1e9 for w in sim.webhooks() if w["params"]["MessageStatus"] == "sent")
    assert sent_s - sim.world.ledger.lines()[0].arrived_s >= 0.15, "three turns of 50 ms came before the last one's"


def test_a_message_stays_queued_until_its_turn(sim):
    sim.number(FROM, segments_per_s=0.01)
    first, second = [create(sim).json()["sid"] for _ in range(2)]
    sim.message(first, "delivered")
    sim.world.clock.set_speed(1)
    assert message(sim, second)["status"] == "queued"
    assert 0 < sim.sim("GET", "/numbers")["data"][0]["queued_s"] <= 200
    sim.world.clock.set_speed(1000)
    sim.message(second, "delivered")


@pytest.mark.parametrize(
    ("sender", "rate"), [("+14155550100", 1), ("+18335550100", 3), ("12345", 100), ("ACME", 10), ("+447700900123", 10)]
)
def test_rates_go_by_the_kind_of_sender_and_can_be_set(sim, sender, rate):
    assert sim.number(sender)["segments_per_s"] == rate
    assert sim.number(sender, segments_per_s=42)["segments_per_s"] == 42
    assert sim.number(sender, friendly_name="x")["segments_per_s"] == 42
    assert sim.number(sender, segments_per_s=0)["segments_per_s"] == rate


def test_a_full_queue_refuses_at_create_or_fails_later_through_a_service(sim, receiver):
    sim.number(FROM, queued_s=40_000)
    assert create(sim).json()["code"] == 21611
    accepted = create(sim, From="", MessagingServiceSid="MG" + "1" * 32, StatusCallback=receiver.url + "/status").json()
    assert accepted["status"] == "accepted"
    assert sim.message(accepted["sid"], "failed")["error_code"] == 30001
    assert [g.form["MessageStatus"] for g in receiver.wait_for("/status", 2)] == ["queued", "failed"]


def test_a_message_that_waits_longer_than_it_is_valid_fails(sim):
    sim.number(FROM, queued_s=200)
    late, patient = create(sim, ValidityPeriod="100").json()["sid"], create(sim).json()["sid"]
    assert sim.message(late, "failed")["error_code"] == 30036
    sim.message(patient, "delivered")


@pytest.mark.parametrize("period", ["0", "36001", "-1", "x"])
def test_a_validity_that_is_none_is_refused(sim, period):
    sim.number(FROM)
    assert create(sim, ValidityPeriod=period).json()["code"] == 21624


def test_short_codes_and_names_send_but_are_no_phone_numbers(sim, client):
    sim.number("12345")
    sim.number("ACME")
    assert create(sim, From="12345").json()["status"] == "queued"
    assert create(sim, From="ACME", To="+447700900123").json()["status"] == "queued"
    assert create(sim, From="ACME").json()["code"] == 21612, "no names in North America"
    assert create(sim, From="54321").json()["code"] == 21606
    assert client.incoming_phone_numbers.list() == []


def test_a_pool_sticks_to_its_people_and_spreads_over_its_numbers(sim):
    pool = [f"+1415555010{n}" for n in range(3)]
    for number in [*pool, "+14155550199"]:
        sim.number(number)
    service = sim.sim("PUT", "/services/main", {"numbers": pool})["sid"]

    def sender(to):
        sid = create(sim, From="", To=to, MessagingServiceSid=service).json()["sid"]
        return message(sim, sid)["from"]

    sim.world.clock.set_speed(1)
    people = [f"+1212555010{n}" for n in range(3)]
    senders = [sender(person) for person in people]
    assert sorted(senders) == pool
    assert [sender(person) for person in people] == senders


@pytest.mark.parametrize(
    ("number", "wishes"),
    [("12", {}), ("ACME", {"segments_per_s": "x"}), ("ACME", {"segments_per_s": -1}), ("ACME", {"queued_s": "x"})],
)
def test_a_sender_that_is_none_is_refused(sim, number, wishes):
    assert sim.sim("PUT", f"/numbers/{number}", wishes, 400)["error"]


@pytest.mark.parametrize(("code", "status"), [(21211, 400), (30450, 400), (20003, 401), (20429, 429), (20500, 500)])
def test_a_number_can_name_the_code_its_texts_are_refused_with(sim, code, status):
    sim.number(FROM)
    answer = create(sim, To=f"+150020{code}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(("digit", "fate"), [("3", "failed"), ("4", "undelivered")])
def test_a_number_can_name_the_code_its_texts_end_with(sim, digit, fate):
    sim.number(FROM)
    sid = create(sim, To=f"+1500{digit}030007").json()["sid"]
    assert sim.message(sid, fate)["error_code"] == 30007


def test_any_phone_can_be_told_to_refuse_at_create(sim):
    sim.number(FROM)
    sim.phone(TO, create_error=21614)
    assert create(sim).json()["code"] == 21614
