"""What an endpoint may look like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import allow_list
from shared.domain.allow_list import AllowList
from shared.domain.endpoint_rules import checked_headers, checked_platform_url, checked_url

NOBODY = AllowList()


@pytest.mark.parametrize(
    "url",
    ["https://hooks.example.com/x?y=z", "https://hooks.example.com", "https://a.b:8443/", "https://8.8.8.8/", "https://a.example./",
     "https://[2606:4700:4700::1111]/x", "https://xn--hks-5qa.example/", "https://my_hook.example/%C3%BC"],
)  # fmt: skip
def test_an_https_address_of_the_public_internet_is_sound(url):
    checked_url(url, NOBODY)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://hooks.example.com/", "https"), ("ftp://hooks.example.com/", "https"), ("hooks.example.com", "https"),
        ("https://", "https"), ("https:///x", "https"), ("", "ASCII"), ("https://ä.example/", "ASCII"),
        ("https://a.example/ b", "ASCII"), ("https://a.example/\nb", "ASCII"), ("https://a.example\\@evil.example/", "ASCII"),
        ("https://user:pass@a.example/", "password"), ("https://user@a.example/", "password"),
        ("https://@a.example/", "password"),
        ("https://a.example/#x", "fragment"), ("https://a.example/#", "fragment"),
        ("https://a.example:0/", "port"), ("https://a.example:65536/", "port"), ("https://a.example:x/", "port"),
        ("https://localhost/", "public internet"), ("https://as-call/", "public internet"),
        ("https://127.0.0.1/", "public address"), ("https://10.0.0.1/", "public address"), ("https://[::1]/", "public address"),
        ("https://169.254.169.254/latest", "public address"), ("https://[::ffff:10.0.0.1]/", "public address"),
        ("https://2130706433/", "four decimal"), ("https://0x7f.1/", "four decimal"), ("https://0177.0.0.1/", "four decimal"),
        ("https://127.1/", "four decimal"), ("https://a.0x7f/", "four decimal"), ("https://1.2.3.4.5/", "four decimal"),
        ("https://[fe80::1%25eth0]/", "zone"), ("https://a..b/", "host"), ("https://-a.example/", "host"),
        ("https://" + "a." * 130 + "example/", "host"), ("https://" + "a" * 64 + ".example/", "host"),
        ("https://[::1/", "address"),
        ("https://a.example/" + "x" * 2048, "2048"),
    ],
)  # fmt: skip
def test_what_is_no_such_address_is_refused_with_words_for_a_person(url, word):
    with pytest.raises(ValueError, match=word):
        checked_url(url, NOBODY)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4000/x",
        "http://as-call:3000/",
        "https://as-call:3000",
        "http://inside.example/",
        "http://[::1]/",
    ],
)
def test_whom_the_operator_has_named_may_be_inside_and_without_tls(url):
    checked_url(url, allow_list.read(["127.0.0.0/8", "as-call:3000", "INSIDE.example", "::1"]))


@pytest.mark.parametrize(
    "url", ["http://as-call:3001/", "http://x.inside.example/", "http://128.0.0.1/", "http://u@inside.example/"]
)
def test_and_nobody_beside(url):
    with pytest.raises(ValueError):
        checked_url(url, allow_list.read(["127.0.0.0/8", "as-call:3000", "inside.example"]))


@given(st.text())
def test_no_text_breaks_the_judgement_of_addresses(text):
    for url in (text, f"https://{text}", f"https://[{text}]/", f"https://a:{text}/"):
        try:
            checked_url(url, NOBODY)
        except ValueError:
            continue


def test_headers_are_sent_in_small_letters_with_any_printable_value():
    assert checked_headers({"Authorization": "Bearer a b\tc", "X-Empty": ""}) == {
        "authorization": "Bearer a b\tc",
        "x-empty": "",
    }


@pytest.mark.parametrize(
    "name",
    ["webhook-id", "Webhook-Signature", "webhook-anything", "Content-Type", "content-length", "Host", "Connection", "TE",
     "Transfer-Encoding", "X-Service-Key", "User-Agent", "Accept-Encoding", "Expect", "Upgrade", "Proxy-Authorization",
     "X-Forwarded-For", "Forwarded", "", "a b", "a:b", "a\r\nb", "ä", "x" * 129],
)  # fmt: skip
def test_what_we_set_ourselves_and_what_is_no_name_cannot_be_chosen(name):
    with pytest.raises(ValueError):
        checked_headers({name: "x"})


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "\0", "ä", " a", "a ", "\x7f", "secret" * 1000])
def test_a_value_that_is_none_is_refused_and_never_repeated(value):
    with pytest.raises(ValueError, match="the value of X-Key") as fault:
        checked_headers({"X-Key": value})
    assert "secret" not in str(fault.value)


@pytest.mark.parametrize(
    "headers",
    [
        {f"x-{number}": "y" for number in range(21)},
        {"X-A": "1", "x-a": "2"},
        {f"x-{number}": "y" * 2000 for number in range(4)},
    ],
)
def test_there_are_not_too_many_of_them_and_none_twice(headers):
    with pytest.raises(ValueError):
        checked_headers(headers)


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=3))
def test_whatever_passes_is_one_line_each(headers):
    try:
        checked = checked_headers(headers)
    except ValueError:
        return
    text = "".join(f"{name}: {value}\r\n" for name, value in checked.items())
    assert text.isascii()
    assert len(text.splitlines()) == len(headers)


def test_a_service_that_is_sent_the_platforms_key_is_named_by_the_operators():
    named = allow_list.read(["as-call:3000", "10.0.0.0/8"])
    checked_platform_url("http://as-call:3000", named)
    checked_platform_url("http://10.1.2.3", named)
    for url in ("https://as-call.example.com", "https://8.8.8.8", "https://as-call.example.com:3000"):
        checked_url(url, named)
        with pytest.raises(ValueError, match="TS_EVENT_ALLOW must name"):
            checked_platform_url(url, named)
