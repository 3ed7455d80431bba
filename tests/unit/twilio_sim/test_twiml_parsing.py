import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.twilio_sim.twiml import BadTwiml, number_in, parse, verbs_of
from ops.twilio_sim.webhooks.letter import Answer


def answer(body, content_type="text/xml"):
    return Answer(200, body, content_type)


def code_of(read):
    """0 when it could be read."""
    try:
        read()
    except BadTwiml as bad:
        return bad.code
    return 0


@given(st.binary(max_size=300), st.sampled_from(["text/xml", "text/plain", "application/xml; charset=utf-16", "x", ""]))
def test_any_bytes_are_twiml_or_bad_twiml(body, content_type):
    assert code_of(lambda: verbs_of(answer(body, content_type), spoken="Say")) in (0, 12100, 12300)


@given(st.text(max_size=200))
def test_any_text_around_the_root_is_told_as_12100_or_parsed(text):
    assert code_of(lambda: parse(f"<Response>{text}</Response>")) in (0, 12100)


def test_very_deep_nesting_is_survived():
    parse("<Response>" + "<a>" * 20_000 + "</a>" * 20_000 + "</Response>")


@pytest.mark.parametrize("value", ["", "soon", "nan", "1e9999", "-5", "0x10"])
def test_a_rubbish_number_stays_within_its_bounds(value):
    verb = parse(f'<Response><Dial timeout="{value}"/></Response>')[0]
    assert 1 <= number_in(verb, "timeout", 30, 1, 600) <= 600


def test_a_byte_order_mark_and_another_charset_are_read():
    assert parse_bytes("\ufeff<Response><Say/></Response>".encode(), "text/xml") == ["Say"]
    assert parse_bytes("<Response><Say/></Response>".encode("utf-16"), "text/xml; charset=utf-16") == ["Say"]


def parse_bytes(body, content_type):
    return [v.tag for v in verbs_of(answer(body, content_type), spoken="Say")]
