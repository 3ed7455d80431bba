"""The rules of the signature, one by one; the oracle is the bare rule, since the SDK rewrites URLs before it signs."""

import hashlib
import hmac
import random
from base64 import b64encode

import pytest

from shared.domain.form import pairs
from shared.twilio.signature import Signed, is_genuine

TOKEN, OLD_TOKEN = "12345678901234567890123456789012", "old-token"
URL = "https://calls.example.com/api/webhooks/status?message_id=7&x=%20y&z=a%2Bb"
BODY = b'{"event": "x"}'
HASH = hashlib.sha256(BODY).hexdigest()


def sign(text, token=TOKEN, digest="sha1"):
    return b64encode(hmac.digest(token.encode(), text.encode(), digest)).decode()


def genuine(url, fields, signature, body=b"", tokens=(TOKEN,)):
    return is_genuine(Signed(url, fields, body), signature, tokens)


def test_blank_parameters_are_signed_too():
    assert genuine(URL, [("From", "+1"), ("CallerName", "")], sign(URL + "CallerNameFrom+1"))
    assert not genuine(URL, [("From", "+1")], sign(URL + "CallerNameFrom+1"))


def test_white_space_around_a_value_counts():
    assert genuine(URL, [("Body", " hi\r\n ")], sign(URL + "Body hi\r\n "))
    assert not genuine(URL, [("Body", "hi")], sign(URL + "Body hi\r\n "))


@pytest.mark.parametrize(
    ("fields", "tail"),
    [
        ([("CallToken", "1"), ("Called", "2")], "CallToken1Called2"),
        ([("callSid", "c"), ("CallSid", "b"), ("CALLSID", "a")], "CALLSIDaCallSidbcallSidc"),
        ([("ReasonConferenceEnded", "a"), ("Reason", "z")], "ReasonzReasonConferenceEndeda"),
        ([("\uff21", "2"), ("z", "1"), ("\U0001f600", "3")], "z1\uff212\U0001f6003"),
        ([("MediaUrl", "b"), ("MediaUrl", "a"), ("MediaUrl", "b")], "MediaUrlaMediaUrlb"),
        ([("Body", "Grüße 🎉")], "BodyGrüße 🎉"),
    ],
)
def test_names_are_in_byte_order_and_of_a_repeated_one_every_different_value_counts_once_sorted(fields, tail):
    assert genuine(URL, fields, sign(URL + tail))
    assert genuine(URL, fields[::-1], sign(URL + tail))


@pytest.mark.parametrize(
    ("signed", "seen"),
    [
        ("https://h.example/x", "https://h.example:443/x"),
        ("https://h.example:443/x", "https://h.example/x"),
        ("https://h.example/x", "https://h.example:4000/x"),
        ("https://h.example:4000/x", "https://h.example:4000/x"),
        ("http://h.example:80/x?a=b", "http://h.example/x?a=b"),
        ("https://h.example/x", "https://user:pw@h.example/x"),
        ("https://user:pw@h.example/x", "https://user:pw@h.example/x"),
        ("https://user:pw@h.example:443/x", "https://user:pw@h.example/x"),
        ("https://h.example:443/x", "https://user:pw@h.example/x"),
        ("https://user:pw@h.example/x", "https://user:pw@h.example:8443/x"),
        ("https://h.example:8443/x", "https://user:pw@h.example:8443/x"),
        ("https://h.example/x", "https://u@v:p@h.example:8443/x"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"),
        ("https://[2001:db8::1]:443/x", "https://[2001:db8::1]/x"),
        ("https://[2001:db8::1]:9/x", "https://[2001:db8::1]:9/x"),
        ("HTTPS://H.example/x", "HTTPS://H.example/x"),
        ("https://H.example/x", "HTTPS://H.example/x"),
        ("HTTPS://h.example/x", "HTTPS://h.example:444/x"),
        ("https://h.example:99999/x", "https://h.example:99999/x"),
        ("https://h.example:port/x", "https://h.example:port/x"),
        ("https://h.example/x?", "https://h.example/x?"),
        ("https://h.example", "https://h.example"),
        ("https://h.example?a=b", "https://h.example:444?a=b"),
        ("https://h.example/x?a=b", "https://h.example/x?a=b#rc=3&rp=all"),
        ("https://h.example/x", "https://h.example/x#rc=3"),
        ("wss://h.example/stream/", "wss://h.example/stream"),
        ("wss://h.example/stream", "wss://h.example/stream/"),
        ("wss://h.example/stream/?a=b", "wss://h.example/stream?a=b"),
        ("wss://h.example/", "wss://h.example"),
        ("wss://h.example:443/s/", "wss://h.example/s"),
        ("wss://h.example:80/s", "wss://h.example/s"),
        ("https://h.example/x?q=It%27s", "https://h.example/x?q=It's"),
        ("https://h.example/x?q=It's", "https://h.example/x?q=It%27s"),
        ("https://h.example:443/x?q=It%27s+so", "https://h.example/x?q=It's+so"),
        ("https://h.example/x?q=It's%20so&e=", "https://h.example/x?q=It%27s+so&e"),
        ("https://h.example/x?a=1&a=It's&b=2", "https://h.example/x?a=1&b=2&a=It%27s"),
    ],
)
def test_every_spelling_that_a_library_of_twilio_accepts_is_accepted(signed, seen):
    assert genuine(seen, [("a", "1")], sign(signed + "a1"))


@pytest.mark.parametrize(
    ("signed", "seen"),
    [
        (URL, URL + "&"),
        (URL, URL + "?"),
        (URL, URL.replace("%20", "+")),
        (URL, URL.replace("%20", " ")),
        (URL, URL.replace("%2B", "%2b")),
        (URL, URL.replace("%2B", "+")),
        (URL, URL.replace("status", "status/")),
        (URL, URL.replace("https", "http")),
        (URL, URL.replace("calls.", "Calls.")),
        (URL, URL.replace("message_id=7&x=%20y", "x=%20y&message_id=7")),
        ("https://h.example/x?a='%20b", "https://h.example/y?a=%27%20b"),
        ("https://h.example/x", "https://h.example/x?"),
        ("https://h.example/x?", "https://h.example/x"),
        ("https://h.example/x/", "https://h.example/x"),
        ("https://h.example:443/x", "https://h.example:4000/x"),
        ("https://h.example:80/x", "https://h.example/x"),
        ("https://h.example/x#rc=3", "https://h.example/x#rc=3"),
        ("https://other.example/x", "https://h.example@other.example.evil/x"),
        ("https://h.example/it%27s", "https://h.example/it's"),
    ],
)
def test_everything_else_counts_byte_for_byte(signed, seen):
    assert not genuine(seen, [("a", "1")], sign(signed + "a1"))


def test_every_live_token_of_the_account_is_accepted_and_no_other():
    signature = sign(URL + "a1", OLD_TOKEN)
    assert genuine(URL, [("a", "1")], signature, tokens=[TOKEN, OLD_TOKEN])
    assert genuine(URL, [("a", "1")], signature, tokens=iter([TOKEN, OLD_TOKEN]))
    assert not genuine(URL, [("a", "1")], signature, tokens=[TOKEN])
    assert not genuine(URL, [("a", "1")], signature, tokens=[])


def test_an_empty_token_signs_nothing_since_everybody_has_it():
    assert not genuine(URL, [], sign(URL, ""), tokens=["", TOKEN])


def test_the_longer_digest_counts_only_where_it_is_asked_for():
    longer = sign(URL, digest="sha256")
    assert len(longer) == 44
    assert is_genuine(Signed(URL, []), longer, [TOKEN], "HMAC_SHA256")
    assert not is_genuine(Signed(URL, []), longer, [TOKEN])
    assert not is_genuine(Signed(URL, []), sign(URL), [TOKEN], "HMAC_SHA256")
    assert not is_genuine(Signed(URL, []), longer, [TOKEN], "HMAC_SHA512")


@pytest.mark.parametrize(
    ("query", "is_good"),
    [
        (f"bodySHA256={HASH}", True),
        (f"bodySHA256={HASH.upper()}", True),
        (f"a=b&bodySHA256={HASH}&c=", True),
        (f"bodySHA256={HASH}&bodySHA256={'0' * 64}", True),
        (f"bodySHA256={'0' * 64}&bodySHA256={HASH}", False),
        (f"bodySHA256={HASH[:-1]}", False),
        (f"bodysha256={HASH}", False),
        (f"xbodySHA256={HASH}", False),
        ("bodySHA256=", False),
        ("bodySHA256=é", False),
        ("", False),
    ],
)
def test_a_json_body_is_held_against_the_first_hash_in_its_signed_url(query, is_good):
    url = f"https://calls.example.com/hook?{query}"
    assert genuine(url, None, sign(url), BODY) is is_good
    assert not genuine(url, None, sign(url), BODY + b" ")
    assert not genuine(url, None, sign(url, OLD_TOKEN), BODY)


def test_a_form_may_be_covered_by_its_fields_or_by_its_hash_and_never_by_nothing():
    url = f"https://calls.example.com/hook?bodySHA256={hashlib.sha256(b'a=1').hexdigest()}"
    assert genuine(url, pairs(b"a=1"), sign(url + "a1"), b"a=1")  # the hash may be anything then
    assert genuine(url, pairs(b"a=1"), sign(url), b"a=1")
    assert not genuine(url, pairs(b"a=2"), sign(url), b"a=2")
    assert genuine(url, pairs(b"a=2"), sign(url + "a2"), b"a=2")


def test_a_body_that_was_taken_away_is_missed():
    url = f"https://calls.example.com/hook?bodySHA256={HASH}"
    assert not genuine(url, [], sign(url), b"")
    assert not genuine(url, pairs(b"=&="), sign(url), b"=&=")
    empty = f"https://calls.example.com/hook?bodySHA256={hashlib.sha256(b'').hexdigest()}"
    assert genuine(empty, [], sign(empty), b"")


@pytest.mark.parametrize("signature", ["", " ", "é", "é" * 28, "=" * 28, "A" * 10_000, "\0" * 28])
def test_a_missing_or_odd_signature_is_simply_wrong(signature):
    assert not genuine(URL, [], signature)


def test_any_changed_bit_of_body_url_or_signature_is_noticed():
    body, url = b"CallSid=CA1&From=%2B1415&Body=Gr%C3%BC%C3%9Fe+%F0%9F%8E%89&Empty=", URL
    signature = sign(url + "BodyGrüße 🎉CallSidCA1EmptyFrom+1415")
    assert genuine(url, pairs(body), signature, body)
    dice = random.Random(7)
    for bent in bent_at_every_byte(body, dice):
        assert pairs(bent) == pairs(body) or not genuine(url, pairs(bent), signature, bent), bent
    for bent in bent_at_every_byte(url[len("https://") :].encode(), dice):
        assert not genuine(f"https://{bent.decode()}", pairs(body), signature, body), bent
    for bent in bent_at_every_byte(signature.encode(), dice):
        assert not genuine(url, pairs(body), bent.decode(), body), bent


def bent_at_every_byte(whole, dice):
    """ASCII stays ASCII, so that a text stays one."""
    for position, byte in enumerate(whole):
        yield whole[:position] + bytes([byte ^ (1 << dice.randrange(7))]) + whole[position + 1 :]
