import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.keywords import Wish, is_toll_free, opt_out_type, wish

TWILIOS = ["STOP", "stopall", "Unsubscribe", "CANCEL", "end", "QUIT", "revoke", "OptOut", " Stop\n", "\u00a0STOP"]


@pytest.mark.parametrize("word", TWILIOS)
def test_a_word_alone_stops(word):
    assert opt_out_type(word) == "STOP"
    assert wish(word) == Wish("STOP", False, word.strip().upper())


@pytest.mark.parametrize(("word", "type_"), [("START", "START"), ("yes", "START"), ("Unstop", "START"), ("HELP", "HELP"),
                                             ("info ", "HELP")])  # fmt: skip
def test_other_words_resume_or_ask(word, type_):
    assert opt_out_type(word) == type_
    assert wish(word) == Wish(type_, False, word.strip().upper())


@pytest.mark.parametrize(
    "text", ["", " ", "STOP please", "stop.", "STOP!", "don't stop", "ARRET", "stopp", "STOP" + " " * 61]
)
def test_anything_else_is_no_keyword_to_twilio(text):
    assert opt_out_type(text) is None


DRESSED = [
    "Stop.", "STOP!", '"stop"', "\u201cstop\u201d", "'STOP'", "(stop)", "*STOP*", "\uff33\uff34\uff2f\uff30", "stop\u200b",
    "\u200fSTOP\u200e", "ST\0OP", "\U0001d5e6\U0001d5e7\U0001d5e2\U0001d5e3", "\U0001f6d1 STOP \U0001f6d1",
    "STOP\ufe0f", "s.t.o.p", "S T O P", "stop!!!", "stop stop stop", "STOP STOP", "stop?", "STOP ALL", "Opt out", "OPT-OUT",
    "opt out.", "un-subscribe", "unsubscribe!", "unsub", "ARRET", "ARR\u00caT", "arre\u0302t", "Arr\u00eat.", "END.",
    "Quit!", "Cancel.", "revoke.", "stopp", "stoooop", "\u200b\ufeffSTOP", "St\u00f3p",
]  # fmt: skip
ASKED = [
    "STOP please", "please stop", "Pls stop", "ok stop", "stop now", "Hi, stop", "Stop.\nThanks", "STOP, thank you",
    "no please stop", "I said stop", "Can you come? Stop.", "stop it", "Wrong number. Stop.",
    "STOP. I never signed up for this",
    "Wrong number, please stop", "stop or I will report you", "cancel please", "please cancel", "unsubscribe me",
    "Please unsubscribe me from this list", "please unsubscribe", "how do I unsubscribe?", "i want to unsubscribe please",
    "I would like to unsubscribe", "opt me out", "please opt me out", "I want to opt out", "how do I opt out?",
    "i'd like to opt out of these messages", "I'm opting out", "remove me", "remove me from your list",
    "Please remove me from your mailing list.", "take me off your list", "take me off this list please", "remove my number",
    "delete my number from your database", "lose my number", "i want to be removed from your list", "do not text me",
    "don't text me again", "Don\u2019t text me", "DO NOT TEXT", "do not contact me", "please do not contact me again",
    "dont message me anymore", "never text me again", "don't call or text me", "do not call or text this number",
    "i don't want you texting me", "no more texts", "No more messages please", "no more text messages", "stop texting me",
    "please stop texting me", "Stop texting", "can you stop texting me?", "stop messaging me", "stop sending these",
    "could you please stop sending me these messages", "stop sending me messages", "stop contacting me", "stop calling me",
    "Stop spamming me!", "STOP TEXTING THIS NUMBER", "stop the texts", "stop these messages", "stop the spam",
    "quit texting me", "end these texts", "cancel these messages", "cancel text alerts", "I don't want these texts",
    "i do not want to receive any more messages", "I no longer wish to receive texts", "I don't want to be texted",
    "Not interested, stop texting me", "This is not Bob and stop texting me", "If you don't stop texting me I will report you",
    "hi this is bob i got a new phone please stop texting me", "revoke my consent", "I revoke my consent", "revoke consent",
    "i hereby revoke my consent to be texted", "I withdraw my consent", "leave me alone", "Remove.",
    "Stop now or I call my lawyer",
]  # fmt: skip


@pytest.mark.parametrize("text", DRESSED + ASKED)
def test_any_reasonable_way_of_saying_so_stops(text):
    found = wish(text)
    assert found is not None
    assert (found.type, found.is_free_form) == ("STOP", True)


NO_WISH = [
    "", " ", "?", "stop by tomorrow?", "I'll be at the bus stop", "can you stop the leak", "don't stop", "when does it end",
    "cancel my appointment", "yes please come", "quit smoking class", "Can you stop by at 5", "please stop by", "can I cancel?",
    "I need to cancel my appointment", "cancel?", "The weekend", "the end of the street", "non stop", "full stop", "last stop",
    "non-stop flight", "I can't stop laughing", "never stop", "stop sign", "stop and go traffic", "I quit my job",
    "why did you stop texting me", "please don't stop texting me", "I'll stop texting you now", "Did you stop texting me?",
    "don't text me until tomorrow", "please don't text me while I'm driving", "stop texting me at work",
    "Don't call me, text me", "remove me from the schedule", "please remove the old faucet", "take me off speaker",
    "unsubscribe from Netflix how", "opt out clause in the contract", "is there an opt out fee?", "help me stop the leak",
    "The water won't stop", "it won't stop running", "stop the water", "Reply STOP to unsubscribe", "end of the month works",
    "that would end well", "thanks", "ok", "no", "hello", "I want to quit smoking", "my subscription ends soon", "start now",
    "cancel the order for tomorrow", "how do i cancel my booking", "Can you revoke his access to the building?", "stoop",
    "no more leaks, thank you!", "I have no more messages on my phone", "Stop in whenever", "we stopped by", "one-stop shop",
    "pit stop", "stop over for coffee", "text me", "don't text me back", "if you dont text me back I'll call", "I'm out",
    "the doctor said stop taking it", "What time do you stop working?", "Don't forget to text me", "I don't want to cancel",
    "do not unsubscribe me", "Call me", "no message yet", "send the message again", "no texts came through", "yes?",
    "I left you a message to cancel", "Is this the end?", "help me", "what info do you need", "there is no bus stop here",
    "How much to start?", "Yes, Tuesday works", "Information please",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_WISH)
def test_what_merely_sounds_like_it_is_a_text_like_any_other(text):
    assert wish(text) is None


@pytest.mark.parametrize(("text", "type_"), [("Start.", "START"), ("\u201cYES\u201d", "START"), ("unstop!", "START"),
                                             ("HELP!", "HELP"), ("Info.", "HELP")])  # fmt: skip
def test_the_other_words_count_in_quotes_too(text, type_):
    found = wish(text)
    assert found is not None
    assert (found.type, found.is_free_form) == (type_, True)


def test_twilios_own_word_goes_before_the_text():
    assert wish("stop", "START") == Wish("START", False, "OptOutType")
    assert wish("Bonjour", "STOP") == Wish("STOP", False, "OptOutType")


@pytest.mark.parametrize("text", ["YES", "yes", "Yes."])
def test_yes_resumes_nothing_at_a_toll_free_number(text):
    assert wish(text, to="+18335550100") is None
    assert wish(text, to="+14155550100") is not None


@pytest.mark.parametrize(("number", "is_one"), [("+18005550100", True), ("+18885550100", True), ("+18105550100", False),
                                                ("+448005550100", False), ("+1800555", False)])  # fmt: skip
def test_toll_free_numbers_are_known_by_their_area_code(number, is_one):
    assert is_toll_free(number) is is_one


@given(st.sampled_from(TWILIOS), st.text("\u200b\u200d\ufeff !.\u2026\"'\u201c\u201d\n\t\U0001f600*-", max_size=12),
       st.text("\u200b\u200d\ufeff !.\u2026\"'\u201c\u201d\n\t\U0001f600*-", max_size=12))  # fmt: skip
def test_no_dressing_hides_a_word(word, before, behind):
    found = wish(before + word + behind)
    assert found is not None
    assert found.type == "STOP"


@given(st.text(max_size=400))
def test_any_text_gets_an_answer(text):
    found = wish(text)
    assert found is None or found.type in ("STOP", "START", "HELP")
