import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from shared.domain.endpoint_secret import checked_secret, of


@given(st.binary(min_size=24, max_size=64))
def test_what_is_made_of_a_key_is_a_secret_that_the_receivers_library_takes(key):
    checked_secret(of(key))
    assert Webhook(of(key))._whsecret == key


@given(st.one_of(st.binary(max_size=23), st.binary(min_size=65, max_size=90)))
def test_a_key_that_is_too_short_or_too_long_is_none(key):
    with pytest.raises(ValueError, match="whsec_"):
        checked_secret(of(key))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "A" * 32,
        "whsec_" + "A" * 33,
        "whsec_" + "-_" * 20,
        "whsec_" + "A" * 32 + "\n",
        "WHSEC_" + "A" * 32,
    ],
)
def test_anything_else_is_none_and_is_not_repeated(text):
    with pytest.raises(ValueError, match="must be") as refused:
        checked_secret(text)
    assert "AAAA" not in str(refused.value)
