import pytest

from shared.domain.media_rules import IMAGES_BYTES, MOST, OTHERS_BYTES, advised_bytes, faults, is_image

FINE = "https://cdn.example.com/a/logo.png"


@pytest.mark.parametrize(
    "url", [FINE, "https://example.com:8443/x?y=1", "https://8.8.8.8/x.jpg", "https://[2606:4700::1111]/x",
            "https://cdn.example.com./x",
            "https://xn--mller-kva.example/x", "https://localhost.example.com/x", "https://example.com/a@b"],
)  # fmt: skip
def test_a_public_https_url_is_fine(url):
    assert faults([url]) == []


@pytest.mark.parametrize(
    ("url", "code"),
    [("http://example.com/x", "not_https"), ("ftp://example.com/x", "not_https"),
     ("https://user:pw@example.com/x", "credentials_in_url"),
     ("https://user@example.com/x", "credentials_in_url"), ("", "not_a_url"), ("logo.png", "not_a_url"),
     ("https://", "not_a_url"),
     ("https://example.com:port/", "not_a_url"), ("https://[::1/x", "not_a_url"), ("https://example.com/a b", "not_a_url"),
     ("https://exa\u202emple.com/", "not_a_url"), ("data:image/png;base64,AAAA", "not_a_url"),
     ("https://localhost/x", "private_host"),
     ("https://LOCALHOST./x", "private_host"), ("https://a.localhost/x", "private_host"),
     ("https://printer.local/x", "private_host"),
     ("https://vault.internal/x", "private_host"), ("https://intranet/x", "private_host"),
     ("https://127.0.0.1/x", "private_host"),
     ("https://10.1.2.3/x", "private_host"), ("https://192.168.1.1/x", "private_host"),
     ("https://172.16.0.1/x", "private_host"),
     ("https://169.254.169.254/latest/meta-data", "private_host"), ("https://100.64.0.1/x", "private_host"),
     ("https://0.0.0.0/x", "private_host"), ("https://224.0.0.1/x", "private_host"), ("https://[::1]/x", "private_host"),
     ("https://[fd00::1]/x", "private_host"), ("https://[fe80::1%25eth0]/x", "private_host"),
     ("https://[::ffff:127.0.0.1]/x", "private_host"), ("https://2130706433/x", "private_host"),
     ("https://127.1/x", "private_host"),
     ("https://0x7f.0.0.1/x", "private_host")],
)  # fmt: skip
def test_what_twilio_could_or_should_not_fetch_is_a_fault_with_its_place(url, code):
    assert [(fault.pointer, fault.code) for fault in faults([FINE, url])] == [("#/media_urls/1", code)]


def test_all_that_is_wrong_is_said_at_once():
    assert [fault.code for fault in faults(["http://u:p@localhost/"])] == [
        "not_https",
        "credentials_in_url",
        "private_host",
    ]


def test_ten_media_are_the_most():
    assert faults([FINE] * MOST) == []
    assert [(fault.pointer, fault.code) for fault in faults([FINE] * (MOST + 1))] == [
        ("#/media_urls", "too_many_media")
    ]


def test_a_sender_without_media_is_named():
    assert [fault.code for fault in faults([FINE], "alphanumeric")] == ["sender_without_media"]
    assert [fault.pointer for fault in faults([FINE], "long-code", "GB")] == ["#/from"]
    assert faults([FINE], "toll-free", "US") == []
    assert faults([], "alphanumeric") == []


def test_the_advised_size_goes_by_what_the_urls_end_in():
    assert advised_bytes([FINE, "https://example.com/b.JPG?w=1"]) == IMAGES_BYTES
    assert advised_bytes([FINE, "https://example.com/film.mp4"]) == OTHERS_BYTES
    assert not is_image("https://example.com/media/123")
    assert not is_image("https://[::1/x.png")
