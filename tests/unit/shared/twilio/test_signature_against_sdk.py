"""The official SDK's validator as the oracle: whatever it signs or accepts is genuine, but for what it gets wrong itself."""

import hashlib
from urllib.parse import quote, urlencode

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator, get_signature_algorithm
from werkzeug.datastructures import MultiDict

from ingress.twilio_guard import Asked, Policy, Refused, judge
from shared.domain.form import pairs
from shared.twilio.signature import Signed, is_genuine

TOKEN = "12345678901234567890123456789012"
ORACLE = RequestValidator(TOKEN)
KEY = "webhooks_sharedkey_0123456789abcdefghijklmnop"

texts = st.text(st.characters(codec="utf-8"), max_size=12)
names = st.one_of(
    st.sampled_from(["Reason", "ReasonConferenceEnded", "CallSid", "CALLSID", "callSid", "Called", "CallToken"]), texts
)
lists = st.lists(st.tuples(names.filter(bool), texts), max_size=8)
algorithms = st.sampled_from(["HMAC_SHA1", "HMAC_SHA256", "hmac_sha256"])
hosts = st.sampled_from(["h.example", "H.Example", "127.0.0.1", "localhost"])
schemes = st.sampled_from(["http", "https"])
ports = st.one_of(st.just(""), st.integers(1, 65535).map(lambda number: f":{number}"))
paths = texts.map(lambda text: "/" + quote(text))
queries = st.lists(st.tuples(texts, texts), max_size=4).map(lambda fields: "?" + urlencode(fields) if fields else "")


@st.composite
def urls(draw):
    return draw(schemes) + "://" + draw(hosts) + draw(ports) + draw(paths) + draw(queries)


def with_port(url, port):
    scheme, host = url.split("/")[0], url.split("/")[2]
    return url.replace(f"{scheme}//{host}", f"{scheme}//{host.split(':')[0]}{port}", 1)


@given(urls(), st.dictionaries(names.filter(bool), texts, max_size=8), algorithms)
def test_whatever_form_it_signs_is_genuine(url, params, algorithm):
    body = urlencode(params).encode()
    signature = ORACLE.compute_signature(url, params, algorithm)
    assert is_genuine(Signed(url, pairs(body), body), signature, [TOKEN], algorithm)


@given(urls(), lists, algorithms)
@example("https://h.example/", [("Reason", "z"), ("ReasonConferenceEnded", "a")], "HMAC_SHA1")
@example("https://h.example/", [("a", ""), ("a", ""), ("", "x")], "HMAC_SHA256")
def test_repeated_names_are_signed_as_it_signs_them(url, fields, algorithm):
    body = urlencode(fields).encode()
    signature = ORACLE.compute_signature(url, MultiDict(fields), algorithm)
    assert is_genuine(Signed(url, pairs(body), body), signature, [TOKEN], algorithm)


@given(urls(), lists, ports)
def test_it_and_we_agree_about_every_port(url, fields, signed_port):
    body = urlencode(fields).encode()
    signature = ORACLE.compute_signature(with_port(url, signed_port), MultiDict(fields))
    accepted = ORACLE.validate(url, MultiDict(fields), signature)
    assert is_genuine(Signed(url, pairs(body), body), signature, [TOKEN]) == accepted


@given(urls(), texts.filter(bool), st.sampled_from(["good", "upper", "other", "none"]))
def test_it_and_we_agree_about_bodies_but_for_capitals_and_the_hash_it_does_not_ask_for(url, text, kind):
    body = text.encode()
    digest = hashlib.sha256(body).hexdigest()
    value = {"good": digest, "upper": digest.upper(), "other": "0" * 64}.get(kind)
    url += ("&" if "?" in url else "?") + f"bodySHA256={value}" if value else ""
    signature = ORACLE.compute_signature(url, {})
    assert is_genuine(Signed(url, None, body), signature, [TOKEN]) == (kind in ("good", "upper"))
    if kind in ("good", "other"):
        assert ORACLE.validate(url, text, signature) == (kind == "good")


headers = st.sampled_from([
    f"key={KEY},algorithm=HMAC_SHA256", f"key={KEY},algorithm=HMAC_SHA1", f"key={KEY}", f"algorithm,key={KEY}",
    f" algorithm = hmac_sha256 , key = {KEY} ", f"key={KEY},algorithm=,algorithm= ,algorithm=HMAC_SHA256",
    f"key={KEY},algorithm=HMAC_MD5", f"key={KEY},algorithm=,",
])  # fmt: skip


@given(urls(), lists, headers)
def test_the_header_of_a_shared_key_is_read_as_it_reads_it(url, fields, header):
    assume("ccount" not in url + repr(fields))  # another account would be refused whatever the header says
    oracle, algorithm = RequestValidator("shared secret"), get_signature_algorithm(header)
    is_known = algorithm.upper() != "HMAC_MD5"
    signature = oracle.compute_signature(url, MultiDict(fields), algorithm if is_known else None)
    base, target = "/".join(url.split("/")[:3]), "/" + url.split("/", 3)[3]
    policy = Policy((base,), {"AC1": (TOKEN,)}, {KEY: ("shared secret",)})
    asked = Asked("POST", target, "application/x-www-form-urlencoded", urlencode(fields).encode(), signature, header)
    assert oracle.validate(url, MultiDict(fields), signature, algorithm) is is_known
    if is_known:
        assert judge(asked, policy).account_sid == "AC1"
    else:
        with pytest.raises(Refused, match="unknown_algorithm"):
            judge(asked, policy)


@settings(max_examples=300)
@given(st.text(max_size=60), lists, st.text(max_size=44), st.binary(max_size=60), algorithms)
@example("https://h:99999/x", [], "A" * 28, b"x", "HMAC_SHA1")
@example("https://[/x?bodySHA256=\udcff", [], "A" * 28, b"x", "HMAC_SHA1")
@example("wss://u:p@[::1]:x/'%27?'=%27", [("\ud800", "\udcff")], "A" * 44, b"x", "HMAC_SHA256")
def test_nothing_hostile_makes_it_raise_and_nothing_random_passes(url, fields, signature, body, algorithm):
    assert not is_genuine(Signed(url, fields), signature, [TOKEN], algorithm)
    assert not is_genuine(Signed(url, None, body), signature, [TOKEN, ""], algorithm)
    assert not is_genuine(Signed(url, fields), signature, [TOKEN], signature)


@pytest.mark.parametrize(
    "url", ["https://u@h.example:444/x", "https://[::1]:444/x", "https://h.example/x?", "HTTP://h.example:80/x"]
)
def test_a_url_that_it_takes_apart_wrongly_counts_as_it_stands(url):
    signature = ORACLE.compute_signature(url, {"a": "1"})
    assert is_genuine(Signed(url, [("a", "1")]), signature, [TOKEN])
