"""STOP, START and HELP by kind of number and service, and opt-outs that the service never heard of."""

import pytest

LONG, TOLL_FREE, SHORT, PERSON = "+14155550100", "+18335550100", "12345", "+12125550142"


def write(sim, word, to=LONG):
    return sim.text(word, **{"from": PERSON, "to": to})


def blocked(sim, from_):
    """Whether Twilio refuses a text to the person from this number."""
    return sim.rest("POST", "/Messages.json", {"To": PERSON, "From": from_, "Body": "x"}).json().get("code") == 21610


@pytest.fixture(autouse=True)
def owned(sim, receiver):
    receiver.says("/sms", "<Response/>")
    for number in (LONG, TOLL_FREE, SHORT, "+14155550101"):
        sim.number(number, sms_url=receiver.url + "/sms")


@pytest.mark.parametrize("word", ["STOP", "stopall", "Unsubscribe", "cancel", "END", "quit", "revoke", " optout "])
def test_each_word_of_the_family_stops(sim, word):
    write(sim, word)
    assert blocked(sim, LONG)
    assert not blocked(sim, TOLL_FREE), "the list is the number's own"


@pytest.mark.parametrize("word", ["START", "yes", "unstop"])
def test_each_word_of_return_lifts_it(sim, word):
    write(sim, "STOP")
    write(sim, word)
    assert not blocked(sim, LONG)


def test_a_toll_free_number_knows_fewer_words(sim, receiver):
    write(sim, "QUIT", TOLL_FREE)
    assert not blocked(sim, TOLL_FREE)
    write(sim, "STOP", TOLL_FREE)
    assert blocked(sim, TOLL_FREE)
    write(sim, "YES", TOLL_FREE)
    assert blocked(sim, TOLL_FREE)
    write(sim, "UNSTOP", TOLL_FREE)
    assert not blocked(sim, TOLL_FREE)
    replies = [m["body"] for m in sim.sim("GET", "/messages")["data"] if m["direction"] == "outbound-reply"]
    assert len(replies) == 2
    assert all(body.startswith("NETWORK MSG") for body in replies)


def test_a_short_code_leaves_it_to_the_application_unless_its_service_has_advanced_opt_out(sim):
    write(sim, "STOP", SHORT)
    assert not blocked(sim, SHORT)
    sim.sim("PUT", "/services/main", {"numbers": [SHORT], "advanced_opt_out": True})
    write(sim, "STOP", SHORT)
    assert blocked(sim, SHORT)


def test_help_is_answered(sim, until):
    write(sim, "info")
    assert until(lambda: [m for m in sim.sim("GET", "/messages")["data"] if m["direction"] == "outbound-reply"])


def test_the_confirmation_of_a_stop_is_delivered(sim, until):
    write(sim, "STOP")
    answer = until(lambda: [m for m in sim.sim("GET", "/messages")["data"] if m["direction"] == "outbound-reply"])[0]
    sim.message(answer["sid"], "delivered")


def test_a_stop_in_a_pool_is_for_the_whole_service(sim, receiver):
    pool = [LONG, "+14155550101"]
    service = sim.sim("PUT", "/services/main", {"numbers": pool})["sid"]
    write(sim, "STOP")
    assert blocked(sim, "+14155550101")
    assert sim.sim("GET", "/opt-outs")["data"] == [{"person": PERSON, "scope": service}]
    form = receiver.wait_for("/sms")[0].form
    assert form["MessagingServiceSid"] == service
    assert "OptOutType" not in form
    sid = sim.rest("POST", "/Messages.json", {"To": PERSON, "MessagingServiceSid": service, "Body": "x"}).json()["sid"]
    assert sim.message(sid, "failed")["error_code"] == 21610


@pytest.mark.parametrize(
    ("word", "kind"), [("STOP", "STOP"), ("basta", "STOP"), ("HELP", "HELP"), ("hello", None), ("START", None)]
)
def test_advanced_opt_out_tells_the_type_and_has_words_of_its_own(sim, receiver, word, kind):
    sim.sim("PUT", "/services/main", {"numbers": [LONG], "advanced_opt_out": True, "keywords": {"stop": ["BASTA"]}})
    write(sim, word)
    assert receiver.wait_for("/sms")[0].form.get("OptOutType") == kind
    assert blocked(sim, LONG) is (kind == "STOP")


def test_an_opt_out_can_be_set_and_lifted_without_a_webhook(sim, receiver):
    pair = {"person": PERSON, "scope": LONG}
    sim.sim("POST", "/opt-outs", pair)
    assert blocked(sim, LONG)
    sim.sim("DELETE", "/opt-outs", pair)
    assert not blocked(sim, LONG)
    assert receiver.got() == []


@pytest.mark.parametrize("wishes", [{}, {"person": PERSON}, {"person": 1, "scope": LONG}, {"who": PERSON}])
def test_an_opt_out_of_nobody_is_refused(sim, wishes):
    sim.sim("POST", "/opt-outs", wishes, 400)


@pytest.mark.parametrize("keywords", [[], {"halt": []}, {"stop": "x"}, {"stop": [1]}])
def test_keywords_that_are_none_are_refused(sim, keywords):
    sim.sim("PUT", "/services/main", {"numbers": [LONG], "keywords": keywords}, 400)
