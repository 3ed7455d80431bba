import pytest

from shared.domain.keywords import opt_out_type


@pytest.mark.parametrize(
    "word", ["STOP", "stopall", "Unsubscribe", "CANCEL", "end", "QUIT", "revoke", "OptOut", " Stop\n", "\u00a0STOP"]
)
def test_a_word_alone_stops(word):
    assert opt_out_type(word) == "STOP"


@pytest.mark.parametrize(("word", "type_"), [("START", "START"), ("yes", "START"), ("Unstop", "START"), ("HELP", "HELP"),
                                             ("info ", "HELP")])  # fmt: skip
def test_other_words_resume_or_ask(word, type_):
    assert opt_out_type(word) == type_


@pytest.mark.parametrize(
    "text", ["", " ", "STOP please", "stop.", "STOP!", "don't stop", "ARRET", "stopp", "STOP" + " " * 61]
)
def test_anything_else_is_a_text_like_any_other(text):
    assert opt_out_type(text) is None
