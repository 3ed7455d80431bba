"""A person texts a number of ours: the webhook, its fallback, TwiML replies, and Twilio's own STOP."""

import pytest
from twilio.base.exceptions import TwilioRestException

SMS = "/sms"
FROM, TO = "+12125550142", "+14155550100"


@pytest.fixture(autouse=True)
def number(sim, receiver):
    receiver.says(SMS, "<Response/>")
    sim.number(sms_url=receiver.url + SMS, sms_fallback_url=receiver.url + "/fallback")


def replies(sim):
    return [m for m in sim.sim("GET", f"/messages?from=%2B{TO[1:]}")["data"] if m["direction"] == "outbound-reply"]


def test_the_webhook_tells_everything_about_the_text(sim, receiver):
    sid = sim.text("Hi ☎ + you")
    form = receiver.wait_for(SMS)[0].form
    assert form["MessageSid"] == form["SmsSid"] == form["SmsMessageSid"] == sid
    assert (form["From"], form["To"], form["Body"]) == (FROM, TO, "Hi ☎ + you")
    assert (form["NumMedia"], form["NumSegments"], form["SmsStatus"]) == ("0", "1", "received")
    assert form["FromCity"] == "NEW YORK"
    assert form["AccountSid"] == sim.account.sid


def test_an_empty_text_with_a_picture_is_an_mms(sim, receiver):
    sid = sim.text("", media_urls=[receiver.url + "/cat.gif"])
    form = receiver.wait_for(SMS)[0].form
    assert sid.startswith("MM")
    assert form["Body"] == ""
    assert form["MediaContentType0"] == "image/gif"
    assert form["MediaUrl0"].startswith(f"https://api.twilio.com/2010-04-01/Accounts/{sim.account.sid}/Messages/{sid}")


def test_a_reply_in_twiml_is_sent_with_its_own_status_callback(sim, receiver):
    receiver.says(SMS, '<Response><Message statusCallback="/told">Thanks &amp; bye</Message></Response>')
    sim.text("hello")
    told = receiver.wait_for("/told", 2)
    assert [g.form["MessageStatus"] for g in told] == ["sent", "delivered"]
    assert [(m["to"], m["body"]) for m in replies(sim)] == [(FROM, "Thanks & bye")]


def test_body_and_media_nouns_make_one_reply(sim, receiver, until):
    receiver.says(SMS, "<Response><Message><Body>See</Body><Media>/cat.png</Media></Message></Response>")
    sim.text("hello")
    answer = until(lambda: replies(sim))[0]
    assert (answer["body"], answer["num_media"]) == ("See", "1")


def test_more_than_ten_replies_to_one_text_are_ignored(sim, receiver, until):
    receiver.says(SMS, "<Response>" + "<Message>again</Message>" * 12 + "</Response>")
    sim.text("hello")
    until(lambda: len(replies(sim)) >= 10)
    assert len(replies(sim)) == 10


def test_an_empty_answer_is_fine(sim, receiver, reply):
    receiver.says(SMS, reply("", 204, ""))
    sim.text("hello")
    receiver.wait_for(SMS)
    assert sim.sim("GET", "/messages")["data"][0]["status"] == "received"
    assert receiver.got("/fallback") == []


@pytest.mark.parametrize(("status", "code"), [(500, "11200"), (200, "12100")])
def test_a_failing_sms_url_is_replaced_by_the_fallback_with_the_reason(sim, receiver, reply, status, code):
    receiver.says(SMS, reply("<Response>", status))
    sim.text("hello")
    form = receiver.wait_for("/fallback")[0].form
    assert (form["ErrorCode"], form["ErrorUrl"]) == (code, receiver.url + SMS)
    assert form["Body"] == "hello"


def test_stop_is_answered_by_twilio_and_blocks_until_start(sim, receiver, client, until):
    sim.text(" stop ")
    assert receiver.wait_for(SMS)[0].form["Body"] == " stop ", "the webhook is still delivered"
    assert "unsubscribed" in until(lambda: replies(sim))[0]["body"]
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(to=FROM, from_=TO, body="x")
    assert refused.value.code == 21610
    sim.text("START")
    assert client.messages.create(to=FROM, from_=TO, body="x").status == "queued"


def test_words_around_stop_do_not_count_for_twilio(sim, client):
    sim.text("STOP please")
    assert client.messages.create(to=FROM, from_=TO, body="x").status == "queued"


def test_a_text_to_a_number_of_nobody_is_refused(sim):
    sim.sim("POST", "/messages", {"from": FROM, "to": "+14155550999", "body": "x"}, status=404)
