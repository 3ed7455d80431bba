import hashlib
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from shared.domain.form import pairs
from shared.twilio.signature import Signed, is_genuine

TOKEN, OLD_TOKEN = "12345678901234567890123456789012", "old-token"
ORACLE = RequestValidator(TOKEN)
URL = "https://calls.example.com/api/webhooks/status?message_id=7&x=%20y"


def sign(url, params):
    return ORACLE.compute_signature(url, params)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")), max_size=20
    )
)
def test_whatever_form_the_official_sdk_signs_is_genuine(params):
    body = urlencode(params).encode()
    assert is_genuine(Signed(URL, pairs(body), body), sign(URL, params), [TOKEN])


@given(
    st.text(max_size=40),
    st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=5),
    st.text(max_size=30),
)
def test_nothing_hostile_makes_it_raise_and_nothing_random_passes(url, fields, signature):
    assert is_genuine(Signed(url, fields), signature, [TOKEN]) is False
    assert is_genuine(Signed(url, None, b"x"), signature, [TOKEN]) is False


def test_blank_parameters_are_signed_too():
    assert is_genuine(
        Signed(URL, [("From", "+1"), ("CallerName", "")]), sign(URL, {"From": "+1", "CallerName": ""}), [TOKEN]
    )
    assert not is_genuine(Signed(URL, [("From", "+1")]), sign(URL, {"From": "+1", "CallerName": "x"}), [TOKEN])


def test_of_a_repeated_parameter_every_different_value_counts_once_sorted():
    repeated = [("MediaUrl", "b"), ("MediaUrl", "a"), ("MediaUrl", "b")]
    from werkzeug.datastructures import MultiDict

    assert is_genuine(Signed(URL, repeated), sign(URL, MultiDict(repeated)), [TOKEN])


@pytest.mark.parametrize(
    ("configured", "seen"),
    [
        ("https://h.example/x", "https://h.example:443/x"),
        ("https://h.example:443/x", "https://h.example/x"),
        ("https://h.example/x", "https://h.example:4000/x"),
        ("http://h.example:80/x?a=b", "http://h.example/x?a=b"),
        ("https://h.example/x", "https://user:pw@h.example/x"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"),
    ],
)
def test_twilio_may_sign_with_or_without_the_port_and_never_with_a_password(configured, seen):
    signature = _plain(configured)
    assert is_genuine(Signed(seen, []), signature, [TOKEN])


def _plain(url):
    """The SDK rewrites URLs before it signs, so here the bare rule is the oracle."""
    import hmac
    from base64 import b64encode

    return b64encode(hmac.digest(TOKEN.encode(), url.encode(), "sha1")).decode()


@pytest.mark.parametrize("changed", [URL + "&", URL.replace("%20", "+"), URL.replace("status", "status/"), URL.upper()])
def test_path_and_query_count_byte_for_byte(changed):
    assert not is_genuine(Signed(changed, []), sign(URL, {}), [TOKEN])


def test_every_live_token_of_the_account_is_accepted_and_no_other():
    signature = RequestValidator(OLD_TOKEN).compute_signature(URL, {"a": "1"})
    assert is_genuine(Signed(URL, [("a", "1")]), signature, [TOKEN, OLD_TOKEN])
    assert not is_genuine(Signed(URL, [("a", "1")]), signature, [TOKEN])
    assert not is_genuine(Signed(URL, [("a", "1")]), signature, [])


def test_a_json_body_is_held_against_the_hash_in_its_signed_url():
    body = b'{"event": "x"}'
    url = f"https://calls.example.com/hook?bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = sign(url, {})
    assert ORACLE.validate(url, body.decode(), signature)
    assert is_genuine(Signed(url, None, body), signature, [TOKEN])
    assert not is_genuine(Signed(url, None, body + b" "), signature, [TOKEN])
    assert not is_genuine(
        Signed("https://calls.example.com/hook", None, body), sign("https://calls.example.com/hook", {}), [TOKEN]
    )


@pytest.mark.parametrize("signature", ["", " ", "é", "=" * 28, "A" * 10_000])
def test_a_missing_or_odd_signature_is_simply_wrong(signature):
    assert not is_genuine(Signed(URL, []), signature, [TOKEN])
