"""What the request for a text refuses beyond its shape; the HTTP side is in the tests of the API."""

import pytest
from marshmallow import ValidationError

from shared.sms_job import SmsRequestSchema

FINE = {"to": "+14155552671", "from": "+12125550142", "body": "Hi"}


@pytest.mark.parametrize(
    "changed",
    [{}, {"from": "+18005551234"}, {"from": "12345"}, {"from": "My Shop"}, {"body": "a\r\n\tb\fc"}, {"body": "😀" * 1600},
     {"to": "+15551234567"}, {"body": "", "media_urls": ["https://cdn.example.com/a.png"]}],
)  # fmt: skip
def test_a_text_that_twilio_would_take_is_taken(changed):
    assert SmsRequestSchema().load(FINE | changed)


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [({"body": "a\x07b\x1b"}, "body", "U+0007, U+001B"), ({"body": "a" * 1601}, "body", "1600"),
     ({"body": "\0"}, "body", "U+0000"),
     ({"from": FINE["to"]}, "to", "sender itself"), ({"from": "Shop!"}, "from", "E.164"),
     ({"from": "MG" + "0" * 32}, "from", "E.164"),
     ({"to": "+1415555267١"}, "to", "E.164"), ({"to": "+114155552671"}, "to", "E.164"), ({"to": "911"}, "to", "E.164"),
     ({"to": "+266696687"}, "to", "E.164"),
     ({"media_urls": ["https://u:p@cdn.example.com/a.png"]}, "media_urls", "password"),
     ({"media_urls": ["https://10.0.0.1/a.png"]}, "media_urls", "private")],
)  # fmt: skip
def test_what_twilio_or_a_phone_could_not_take_is_refused(changed, field, says):
    with pytest.raises(ValidationError) as refused:
        SmsRequestSchema().load(FINE | changed)
    assert says in str(refused.value.normalized_messages()[field])
