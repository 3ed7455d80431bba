"""User tokens, with PyJWT as the outside oracle for what HS256 is."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.user_token import LEEWAY_S, User, user_of

SECRET = "a-secret-of-the-platform-with-32-bytes-or-more"
NOW = 1_800_000_000.0
CLAIMS: dict[str, Any] = {"user_id": "u-1", "tenant_id": "t-1", "email": "a@example.com", "role": "owner"}


def signed(header: Any, claims: Any, secret: str = SECRET) -> str:
    """A token with any header, signed as HS256 would."""
    text = ".".join(part(json.dumps(each).encode()) for each in (header, claims))
    return f"{text}.{part(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"


def part(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def platform_token(**changes: Any) -> str:
    return jwt.encode(CLAIMS | changes, SECRET, algorithm="HS256")


def test_a_token_made_by_another_library_is_read():
    assert user_of(platform_token(exp=int(NOW) + 60), SECRET, NOW) == User("u-1", "t-1", "owner")


def test_a_token_without_an_end_is_read_because_the_platform_promises_none():
    assert user_of(platform_token(), SECRET, NOW) is not None


def test_another_secret_does_not_open():
    assert user_of(platform_token(), SECRET + "x", NOW) is None


def test_without_a_secret_nothing_is_valid_not_even_what_the_empty_secret_signed():
    assert user_of(signed({"alg": "HS256"}, CLAIMS, ""), "", NOW) is None


@pytest.mark.parametrize("alg", ["none", "None", "HS384", "HS512", "RS256", "hs256", "", None, 1, ["HS256"]])
def test_the_token_does_not_choose_the_algorithm(alg: Any):
    assert user_of(signed({"alg": alg}, CLAIMS), SECRET, NOW) is None


def test_an_unsigned_token_is_refused():
    unsigned = jwt.encode(CLAIMS, "", algorithm="none")
    assert user_of(unsigned, SECRET, NOW) is None


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_a_stronger_hash_than_agreed_is_refused_too(algorithm: str):
    assert user_of(jwt.encode(CLAIMS, SECRET * 2, algorithm=algorithm), SECRET * 2, NOW) is None


def test_a_critical_extension_is_refused_because_we_know_none():
    assert user_of(signed({"alg": "HS256", "crit": ["b64"], "b64": False}, CLAIMS), SECRET, NOW) is None


@pytest.mark.parametrize(
    ("claim", "offset_s", "is_good"),
    [
        ("exp", 1, True),
        ("exp", -LEEWAY_S + 1, True),
        ("exp", -LEEWAY_S, False),
        ("exp", -3600, False),
        ("nbf", LEEWAY_S, True),
        ("nbf", LEEWAY_S + 1, False),
        ("iat", LEEWAY_S, True),
        ("iat", LEEWAY_S + 1, False),
        ("iat", -86400, True),
    ],
)
def test_times_count_with_half_a_minute_for_clocks_that_differ(claim: str, offset_s: int, is_good: bool):
    token = signed({"alg": "HS256"}, CLAIMS | {claim: NOW + offset_s})
    assert (user_of(token, SECRET, NOW) is not None) is is_good


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["9999999999", True, None, [], {}, float("nan")])
def test_a_time_that_is_no_number_makes_the_token_invalid(claim: str, value: Any):
    assert user_of(signed({"alg": "HS256"}, CLAIMS | {claim: value}), SECRET, NOW) is None


@pytest.mark.parametrize(
    "changes",
    [{"tenant_id": ""}, {"tenant_id": None}, {"tenant_id": 7}, {"tenant_id": ["t-1"]}, {"user_id": ""}, {"user_id": 1},
     {"role": 5}],
)  # fmt: skip
def test_without_a_user_and_a_tenant_it_speaks_for_nobody(changes: dict[str, Any]):
    assert user_of(signed({"alg": "HS256"}, CLAIMS | changes), SECRET, NOW) is None


@pytest.mark.parametrize("claims", [[], "text", 1, None])
def test_claims_that_are_no_object_are_refused(claims: Any):
    assert user_of(signed({"alg": "HS256"}, claims), SECRET, NOW) is None


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "a.b.c.d", "a b.c.d", "ä.b.c", "a.b.c\n", "====.====.===="])
def test_what_is_no_token_is_refused_quietly(token: str):
    assert user_of(token, SECRET, NOW) is None


def test_a_document_in_place_of_a_token_is_not_even_looked_at():
    assert user_of(platform_token(note="x" * 5000), SECRET, NOW) is None


def test_nesting_without_end_is_refused_and_does_not_break_the_reader():
    text = ".".join([part(b'{"alg":"HS256"}'), part(b"[" * 2000)])
    token = f"{text}.{part(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest())}"
    assert user_of(token, SECRET, NOW) is None


@given(st.data())
def test_no_single_changed_character_is_accepted(data: st.DataObject):
    token = platform_token()
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCXYZabcxyz0189-_.=+/"))
    changed = token[:at] + letter + token[at + 1 :]
    assert changed == token or user_of(changed, SECRET, NOW) is None


@given(st.text())
def test_any_text_is_refused_without_an_error(text: str):
    assert user_of(text, SECRET, NOW) is None
