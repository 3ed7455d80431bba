"""The load generator's requests are what Twilio would send."""

from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator

from ops.benchmarks import calls, corpus


def split(request: bytes) -> tuple[str, dict[str, str], str]:
    head, _, body = request.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines), body


def test_twilios_own_validator_accepts_every_request():
    for request in corpus.requests(50):
        _, headers, body = split(request)
        params = dict(parse_qsl(body, keep_blank_values=True))
        url = corpus.PUBLIC_URL + corpus.PATH
        assert RequestValidator(corpus.TOKEN).validate(url, params, headers["X-Twilio-Signature"])


def test_a_request_has_twilios_size_and_says_its_length():
    first, headers, body = split(corpus.requests(1)[0])
    assert first == "POST /api/webhooks/status HTTP/1.1"
    assert int(headers["Content-Length"]) == len(body)
    assert 540 <= len(body) <= 600
    assert len(parse_qsl(body, keep_blank_values=True)) == 26


def test_no_two_requests_speak_of_the_same_call_or_carry_the_same_token():
    made = [split(request) for request in corpus.requests(300)]
    assert len({dict(parse_qsl(body))["CallSid"] for _, _, body in made}) == 300
    assert len({headers["I-Twilio-Idempotency-Token"] for _, headers, _ in made}) == 300
    assert {dict(parse_qsl(body))["CallSid"] for _, _, body in made} == {corpus.call_sid(n) for n in range(300)}


def test_the_fields_are_those_of_the_body():
    _, _, body = split(corpus.requests(8)[7])
    assert dict(parse_qsl(body, keep_blank_values=True)) == corpus.fields(7)


def test_a_call_is_signed_as_twilio_signs_it_and_goes_to_each_number_in_turn():
    made = [split(request) for request in calls.requests(7, 3)]
    forms = [dict(parse_qsl(body, keep_blank_values=True)) for _, _, body in made]
    for (_, headers, body), form in zip(made, forms, strict=True):
        assert int(headers["Content-Length"]) == len(body)
        url = corpus.PUBLIC_URL + calls.PATH
        assert RequestValidator(corpus.TOKEN).validate(url, form, headers["X-Twilio-Signature"])
    assert [form["To"] for form in forms] == [number.phone_number for number in calls.numbers(3)] * 2 + [
        calls.business(0)
    ]
    assert len({form["CallSid"] for form in forms}) == 7
