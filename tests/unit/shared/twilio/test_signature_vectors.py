"""Signatures that the tests of Twilio's own libraries hold (python, node, go, java, php, ruby): facts, not made by us."""

from urllib.parse import urlencode

import pytest

from shared.domain.form import pairs
from shared.twilio.signature import Signed, is_genuine

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
CALL = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
DOCS_CALL = {**CALL, "Caller": "+14158675310", "From": "+14158675310"}
BODY = b'{"property": "value", "boolean": true}'
HASH = "bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
EMPTY_HASH = "bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
BINDINGS = [("MessagingBinding.Address", "+1325xxxxxxx"), ("MessagingBinding.Address", "+1415xxxxxxx")]
SIDS = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")]


def on(host, scheme="https"):
    return f"{scheme}://{host}/myapp.php?foo=1&bar=2"


FORMS = [
    ("a call", URL, CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    ("the call of the docs", URL, DOCS_CALL, "GvWf1cFY/Q7PnoempGyD5oXAezc="),
    ("a port that was not signed", on("mycompany.com:1234"), CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    ("a port that was signed", on("mycompany.com:1234", "http"), CALL, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
    ("443 signed and not sent", URL, CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
    ("80 signed and not sent", on("mycompany.com", "http"), CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    ("user and password signed", on("user:pass@mycompany.com"), CALL, "CukzLTc1tT5dXEDIHm/tKBanW10="),
    ("a user signed", on("user@mycompany.com"), CALL, "2YRLlVAflCqxaNicjMpJcSTgzSs="),
    ("user, password and 443 signed", on("user:pass@mycompany.com"), CALL, "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="),
    ("an apostrophe in the query", URL + "&Body=It's+amazing", CALL, "dsq4Ehbj6cs+KdTkpF5sSSplOWw="),
    ("an array", URL, BINDINGS, "83O6e2vORAoJHUNzJjDWN1jz+BA="),
    ("an array in another order", URL, BINDINGS[::-1], "83O6e2vORAoJHUNzJjDWN1jz+BA="),
    ("doubled values and a name that begins another", URL, SIDS, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    ("the same in another order", URL, SIDS[::-1], "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
]
BODIES = [
    ("the hash behind other fields", f"{URL}&{HASH}", BODY, "a9nBmqA0ju/hNViExpshrM61xv4="),
    ("the hash alone", f"https://mycompany.com/myapp.php?{HASH}", BODY, "y77kIzt2vzLz71DgmJGsen2scGs="),
    ("an empty object", f"{URL}&{EMPTY_HASH}", b"{}", "Ldidvp12m26NI7eqEvxnEpkd9Hc="),
]


@pytest.mark.parametrize(("url", "params", "signature"), [case[1:] for case in FORMS], ids=[case[0] for case in FORMS])
def test_a_signed_form_of_the_official_libraries_is_genuine(url, params, signature):
    body = urlencode(params).encode()
    assert is_genuine(Signed(url, pairs(body), body), signature, [TOKEN])
    assert not is_genuine(Signed(url, pairs(body), body), signature, ["54321"])
    assert not is_genuine(Signed(url, pairs(body + b"&more="), body), signature, [TOKEN])


@pytest.mark.parametrize(("url", "body", "signature"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES])
def test_a_signed_body_of_the_official_libraries_is_genuine(url, body, signature):
    assert is_genuine(Signed(url, None, body), signature, [TOKEN])
    assert not is_genuine(Signed(url, None, body + b" "), signature, [TOKEN])
    assert not is_genuine(Signed(url.replace("bodySHA256", "bodysha256"), None, body), signature, [TOKEN])


@pytest.mark.parametrize(
    "signature", ["WRONG_SIGNATURE", "FAIL", "NOTRSOYDt4T1cUTdK1PDd93/VVr8B8=", "", "fake_signature"]
)
def test_the_wrong_signatures_of_the_official_libraries_are_wrong(signature):
    assert not is_genuine(Signed(URL, list(CALL.items())), signature, [TOKEN])


def test_a_body_without_its_hash_in_the_url_is_refused_though_the_signature_fits_a_form():
    assert not is_genuine(Signed(URL, None, BODY), "RSOYDt4T1cUTdK1PDd93/VVr8B8=", [TOKEN])
    assert not is_genuine(
        Signed("https://mycompany.com/myapp.php", None, BODY), "RSOYDt4T1cUTdK1PDd93/VVr8B8=", [TOKEN]
    )
