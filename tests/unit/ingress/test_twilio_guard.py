"""Who is believed: the policy of accounts, shared keys, addresses and proxies, and the judge over it."""

import hashlib
import hmac
import json
from base64 import b64encode
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress.twilio_guard import Asked, Policy, Refused, judge
from shared.domain.form import MOST_FIELDS
from shared.settings import load

BASE, ALIAS = "https://calls.example.com", "https://old.example.com:8443/twilio"
MAIN, SUB = "AC" + "0" * 32, "AC" + "1" * 32
KEY, OTHER_KEY = "webhooks_sharedkey_0001", "webhooks_sharedkey_0002"
POLICY = Policy(
    (BASE, ALIAS),
    {MAIN: ("main", "main-next"), SUB: ("sub",)},
    {KEY: ("shared",), OTHER_KEY: ("other", "other-next")},
    ("10.0.0.0/8", "::1", "192.0.2.7"),
)
FORM, JSON = "application/x-www-form-urlencoded; charset=utf-8", "application/json"
TARGET = "/api/webhooks/status?message_id=7"
NAMED_KEY = f"key={KEY},algorithm=HMAC_SHA256"


MAINS = "main"


def sign(text, token=MAINS, digest="sha1"):
    return b64encode(hmac.digest(token.encode(), text.encode(), digest)).decode()


def asked(params=None, *, base=BASE, target=TARGET, token=MAINS, digest="sha1", **rest):
    """A form as Twilio signs it; whatever is named in `rest` replaces what it would send."""
    params = {"CallSid": "CA1"} if params is None else params
    text = base + target + "".join(name + value for name, value in sorted(params.items()))
    given = {"method": "POST", "target": target, "content_type": FORM, "body": urlencode(params).encode(),
             "signature": sign(text, token, digest), "token": "t"}  # fmt: skip
    return Asked(**given | rest)


def asked_json(body, *, token=MAINS, query="", **rest):
    target = f"/api/webhooks/x?{query}bodySHA256={hashlib.sha256(body).hexdigest()}"
    given = {
        "method": "POST",
        "target": target,
        "content_type": JSON,
        "body": body,
        "signature": sign(BASE + target, token),
    }
    return Asked(**given | rest)


def refused(request, policy=POLICY):
    with pytest.raises(Refused) as refusal:
        judge(request, policy)
    return refusal.value.reason


def test_what_passes_is_whole():
    request = asked({"AccountSid": MAIN, "Body": "a+b ü", "Empty": ""})
    posted = judge(request._replace(token="x" * 500), POLICY)
    assert (posted.path, posted.query) == ("/api/webhooks/status", "message_id=7")
    assert posted.params == {"AccountSid": MAIN, "Body": "a+b ü", "Empty": ""}
    assert (posted.content_type, posted.body, posted.account_sid) == (FORM, request.body, MAIN)
    assert posted.token == "x" * 128


# Accounts


@pytest.mark.parametrize(
    ("sid", "token", "reason"),
    [
        (MAIN, "main", None),
        (MAIN, "main-next", None),
        (SUB, "sub", None),
        (SUB, "main", "bad_signature"),
        (MAIN, "sub", "bad_signature"),
        ("AC" + "f" * 32, "main", "unknown_account"),
        (MAIN.lower(), "main", "unknown_account"),
        ("\0", "main", "unknown_account"),
    ],
)
def test_the_account_that_is_named_chooses_the_tokens(sid, token, reason):
    request = asked({"AccountSid": sid}, token=token)
    if reason is None:
        assert judge(request, POLICY).account_sid == sid
    else:
        assert refused(request) == reason


@pytest.mark.parametrize(("token", "sid"), [("main", MAIN), ("main-next", MAIN), ("sub", SUB)])
@pytest.mark.parametrize("params", [{"CallSid": "CA1"}, {"AccountSid": ""}])
def test_without_an_account_every_token_is_tried_and_tells_whose_it_is(token, sid, params):
    assert judge(asked(params, token=token), POLICY).account_sid == sid
    assert refused(asked(params, token="nobody's")) == "bad_signature"


def test_the_account_may_stand_in_the_query():
    target = f"/api/calls/incoming?AccountSid={SUB}&To=%2B1"
    got = Asked("GET", target, "", b"", sign(BASE + target, "sub"))
    assert judge(got, POLICY).account_sid == SUB
    assert judge(got, POLICY).params == {"AccountSid": SUB, "To": "+1"}
    assert refused(got._replace(signature=sign(BASE + target, "main"))) == "bad_signature"
    assert judge(asked(target=target, token="sub"), POLICY).account_sid == SUB
    assert refused(asked(target=target.replace(SUB, "AC2"))) == "unknown_account"


@pytest.mark.parametrize("name", ["AccountSid", "account_sid"])
def test_the_account_may_stand_in_a_json_body(name):
    assert judge(asked_json(json.dumps({name: SUB}).encode(), token="sub"), POLICY).account_sid == SUB
    assert refused(asked_json(json.dumps({name: SUB}).encode(), token="main")) == "bad_signature"
    assert refused(asked_json(json.dumps({name: "AC2"}).encode())) == "unknown_account"


def test_a_field_of_that_spelling_in_a_form_is_our_own_and_names_no_account():
    assert judge(asked({"account_sid": "tenant-7"}), POLICY).account_sid == MAIN


def test_of_two_accounts_in_one_form_the_first_chooses():
    body = f"AccountSid={SUB}&AccountSid={MAIN}".encode()
    text = BASE + TARGET + "AccountSid" + MAIN + "AccountSid" + SUB
    assert judge(Asked("POST", TARGET, FORM, body, sign(text, "sub")), POLICY).account_sid == SUB
    assert refused(Asked("POST", TARGET, FORM, body, sign(text, "main"))) == "bad_signature"


# Bodies


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"[" * 5000, b'{"a":' * 5000, b"\xff\xfe", b"1" * 6000, b'{"AccountSid": 7}']
)
def test_a_body_that_is_no_form_is_covered_by_its_hash_whatever_it_holds(body):
    reason = "unknown_account" if b"AccountSid" in body else None
    for request in (asked_json(body), asked_json(body, content_type="text/plain; x=y")):
        if reason:
            assert refused(request) == reason
        else:
            assert judge(request, POLICY).body == body
            assert refused(request._replace(body=body + b" ")) == "unhashed_body"
            assert refused(request._replace(body=b"")) == "unhashed_body"


def test_a_json_body_without_a_hash_is_refused_even_when_the_url_is_signed():
    assert refused(Asked("POST", "/x", JSON, b"{}", sign(BASE + "/x"))) == "unhashed_body"


def test_a_json_body_without_its_content_type_is_covered_by_its_hash():
    assert judge(asked_json(b'{"a":1}', content_type=""), POLICY).body == b'{"a":1}'


def test_more_fields_than_anyone_sends_are_too_many():
    many = b"&".join([b"a=1"] * (MOST_FIELDS + 1))
    assert refused(asked(body=many)) == "too_many_fields"
    assert refused(Asked("GET", "/x?" + many.decode(), "", b"", "A" * 28)) == "too_many_fields"


# Shared keys


@pytest.mark.parametrize(
    ("header", "token", "digest"),
    [
        (NAMED_KEY, "shared", "sha256"),
        (f"key={KEY},algorithm=HMAC_SHA1", "shared", "sha1"),
        (f"key={KEY}", "shared", "sha1"),
        (f" algorithm=hmac_sha256 , key = {KEY}", "shared", "sha256"),
        (f"key={OTHER_KEY},algorithm=HMAC_SHA256", "other-next", "sha256"),
        ("algorithm=HMAC_SHA256", "main", "sha256"),
        ("", "main", "sha1"),
        ("  ", "main", "sha1"),
        ("nonsense", "main", "sha1"),
    ],
)
def test_a_shared_key_signs_by_its_name_and_algorithm(header, token, digest):
    request = asked({"AccountSid": MAIN}, token=token, digest=digest, signature_settings=header)
    assert judge(request, POLICY).account_sid == MAIN


@pytest.mark.parametrize(
    ("header", "token", "digest", "reason"),
    [
        (NAMED_KEY, "main", "sha256", "bad_signature"),
        (NAMED_KEY, "main", "sha1", "bad_signature"),
        (NAMED_KEY, "shared", "sha1", "bad_signature"),
        (NAMED_KEY, "other", "sha256", "bad_signature"),
        (f"key={KEY}", "shared", "sha256", "bad_signature"),
        ("", "shared", "sha1", "bad_signature"),
        ("key=webhooks_sharedkey_9,algorithm=HMAC_SHA256", "main", "sha256", "unknown_key"),
        (f"key={KEY},algorithm=HMAC_MD5", "shared", "sha1", "unknown_algorithm"),
        (f"key={KEY},algorithm=none", "shared", "sha1", "unknown_algorithm"),
    ],
)
def test_with_a_shared_key_named_nothing_else_verifies(header, token, digest, reason):
    assert refused(asked(token=token, digest=digest, signature_settings=header)) == reason


def test_a_shared_key_does_not_open_the_door_to_another_account():
    request = asked({"AccountSid": "AC2"}, token="shared", digest="sha256", signature_settings=NAMED_KEY)
    assert refused(request) == "unknown_account"


# Addresses and proxies


@pytest.mark.parametrize("base", [BASE, BASE + ":443", ALIAS, ALIAS.replace(":8443", "")])
@pytest.mark.parametrize("token", ["main", "main-next"])
def test_every_configured_address_counts_with_its_prefix_and_its_port_or_without(base, token):
    assert judge(asked(base=base, token=token), POLICY).path == "/api/webhooks/status"


@pytest.mark.parametrize(
    "base", ["http://calls.example.com", "https://evil.example", BASE + ":4000", ALIAS[:-7], BASE + "/"]
)
def test_no_other_address_counts(base):
    assert refused(asked(base=base)) == "bad_signature"


def test_the_plain_addresses_are_tried_before_any_rarer_spelling():
    assert POLICY.forms[:2] == (BASE.encode(), ALIAS.encode())


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("https://new.example.com", {"host": "new.example.com"}),
        ("http://new.example.com", {"host": "new.example.com", "proto": "http"}),
        ("https://new.example.com", {"host": "new.example.com:443", "proto": "HTTPS"}),
        ("https://new.example.com:444", {"host": "new.example.com:444"}),
        ("https://new.example.com/p/q", {"host": "new.example.com", "prefix": "/p/q/"}),
        ("https://new.example.com", {"host": "evil.example, new.example.com", "proto": "http, https"}),
        ("http://calls.example.com", {"proto": "http"}),
        ("https://calls.example.com/p", {"prefix": "/p"}),
        ("https://[2001:db8::1]:8443", {"host": "[2001:db8::1]:8443"}),
    ],
)
@pytest.mark.parametrize("peer", ["10.1.2.3", "::1", "192.0.2.7", "::ffff:10.0.0.1"])
def test_a_trusted_proxy_may_say_which_address_was_asked(base, said, peer):
    words = {f"forwarded_{name}": value for name, value in said.items()}
    request = asked({"AccountSid": SUB}, base=base, token="sub", peer=peer, **words)
    assert judge(request, POLICY).account_sid == SUB
    for stranger in ("11.0.0.1", "::2", "192.0.2.8", "", "unix:", "10.1.2", "10.1.2.3, 10.1.2.4"):
        assert refused(request._replace(peer=stranger)) == "bad_signature"


def test_a_proxys_word_is_one_more_address_and_replaces_none():
    assert judge(asked(peer="10.0.0.1", forwarded_host="internal:4000", forwarded_proto="http"), POLICY)


@pytest.mark.parametrize(
    "host", ["h.example/x", "u@h.example", "h.example?", "a b", "", "h.example:x", "é", "x" * 300, "[::1"]
)
def test_a_proxy_that_says_what_no_address_can_be_is_not_heard(host):
    base = f"https://{host}"
    assert refused(asked(base=base, peer="10.0.0.1", forwarded_host=host)) == "bad_signature"


def test_nobody_is_trusted_unless_named():
    open_policy = Policy((BASE,), {MAIN: ("main",)})
    request = asked(base="https://new.example.com", peer="127.0.0.1", forwarded_host="new.example.com")
    assert refused(request, open_policy) == "bad_signature"


# Hostile input


def test_a_missing_signature_is_told_from_a_wrong_one():
    assert refused(asked(signature="")) == "missing_signature"
    for wrong in (
        "A" * 28,
        "A" * 27 + "=",
        "x",
        "é" * 28,
        "\udcff" * 28,
        asked().signature + " ",
        asked().signature.swapcase(),
    ):
        assert refused(asked(signature=wrong)) == "bad_signature"


texts = st.one_of(st.text(max_size=40), st.text(st.characters(max_codepoint=255), max_size=40))
targets = st.one_of(texts, texts.map("/x?bodySHA256=".__add__), texts.map("/x'?a='&AccountSid=".__add__))
settings_headers = st.one_of(texts, texts.map("key=".__add__), texts.map(f"key={KEY},algorithm=".__add__))


@settings(max_examples=500)
@given(
    st.builds(
        Asked, texts, targets, st.one_of(texts, st.sampled_from([FORM, JSON])), st.binary(max_size=80),
        st.one_of(texts, st.just("A" * 28)), settings_headers, texts,
        st.one_of(texts, st.just("10.0.0.1")), texts, texts, texts,
    )
)  # fmt: skip
def test_whatever_comes_is_refused_and_raises_nothing_else(request):
    with pytest.raises(Refused):
        judge(request, POLICY)


queries = st.text(st.characters(max_codepoint=255, exclude_characters="#")).filter(
    lambda text: "bodySHA256" not in text
)


@settings(max_examples=300)
@given(st.binary(min_size=1, max_size=60), st.sampled_from([FORM, JSON, ""]), queries, st.data())
def test_what_is_signed_by_its_hash_is_covered_whole(body, content_type, query, data):
    request = asked_json(body, content_type=content_type, query=query + "&")
    url = BASE.encode() + request.target.encode("latin-1")
    request = request._replace(signature=b64encode(hmac.digest(b"main", url, "sha1")).decode())
    assert judge(request, POLICY).body == body
    place = data.draw(st.integers(0, len(body) - 1))
    assert refused(request._replace(body=body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]))
    place = data.draw(st.integers(1, len(request.target) - 1))
    bent = request.target[:place] + chr(ord(request.target[place]) ^ 1) + request.target[place + 1 :]
    if "'" not in request.target and "%27" not in bent and "'" not in bent:
        assert refused(request._replace(target=bent))


def test_the_work_for_a_hostile_request_is_bounded_by_what_is_configured(monkeypatch):
    made = []
    monkeypatch.setattr("hmac.digest", lambda *given: made.append(given) or b"")
    assert refused(Asked("POST", "/it's?a='" + "&a='" * 900, FORM, b"a='&" * 900, "A" * 28)) == "bad_signature"
    # Two spellings of each of two addresses, four of the query, three tokens.
    assert len(made) == 2 * 2 * 4 * 3
    made.clear()
    assert refused(Asked("POST", "/x", FORM, b"a=1", "A" * 27)) == "bad_signature"
    assert made == []


# Settings


def test_a_policy_is_what_is_configured():
    policy = Policy.of(
        load({
            "TS_PUBLIC_URL": BASE, "TS_REDIS_URL": "redis://x", "TS_DATABASE_URL": "postgresql://x",
            "TWILIO_ACCOUNT_SID": MAIN, "TWILIO_AUTH_TOKEN": "main,main-next",
            "TS_TWILIO_ACCOUNTS": f"{SUB}=sub|sub-next", "TS_TRUSTED_PROXIES": "10.0.0.0/8",
            "TS_PUBLIC_URL_ALIASES": f"{ALIAS}/, https://third.example", "TS_TWILIO_SHARED_KEYS": f"{KEY}=sha=red==",
        })
    )  # fmt: skip
    assert judge(asked({"AccountSid": SUB}, token="sub-next", base="https://third.example"), policy).account_sid == SUB
    assert judge(asked({"AccountSid": MAIN}, token="main-next", base=ALIAS), policy).account_sid == MAIN
    assert judge(asked(token="sha=red==", digest="sha256", signature_settings=NAMED_KEY), policy).account_sid == MAIN
    assert judge(asked(base="https://told.example", peer="10.0.0.1", forwarded_host="told.example"), policy)


def test_every_address_that_we_give_to_twilio_may_have_been_signed():
    configured = {
        "TS_PUBLIC_URL": BASE, "TS_REDIS_URL": "redis://x", "TS_DATABASE_URL": "postgresql://x",
        "TWILIO_ACCOUNT_SID": MAIN, "TWILIO_AUTH_TOKEN": "main",
    }  # fmt: skip
    at_fallback = asked({"AccountSid": MAIN}, token="main", base="https://spare.example")
    assert judge(at_fallback, Policy.of(load({**configured, "TS_FALLBACK_URL": "https://spare.example/"})))
    with pytest.raises(Refused):
        judge(at_fallback, Policy.of(load(configured)))
