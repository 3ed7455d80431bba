"""Only what has one reading is read; everything else is left to gunicorn's parser."""

import io

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.parser import RequestParser
from hypothesis import example, given
from hypothesis import strategies as st

from ingress import http_head
from ingress.limits import MOST_HEADERS, MOST_LINE_BYTES

PLAIN = (
    b"POST /api/webhooks/status?a=%20b HTTP/1.1\r\nHost: hooks.example.com\r\n"
    b"Content-Length: 5\r\nX-Twilio-Signature:  abc= \r\nI-Twilio-Idempotency-Token: t"
)


def test_a_plain_head_is_read():
    head = http_head.read(PLAIN)
    assert head is not None
    assert (head.method, head.target, head.length, head.is_last) == ("POST", "/api/webhooks/status?a=%20b", 5, False)
    assert head.headers == {
        "host": "hooks.example.com", "content-length": "5", "x-twilio-signature": "abc=",
        "i-twilio-idempotency-token": "t",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "is_last"), [("close", True), ("Close", True), ("keep-alive", False), ("Keep-Alive", False)]
)
def test_the_client_says_whether_it_is_done(said, is_last):
    head = http_head.read(PLAIN + b"\r\nConnection: " + said.encode())
    assert head is not None
    assert head.is_last is is_last


def test_without_a_length_there_is_no_body():
    head = http_head.read(b"GET / HTTP/1.1\r\nHost: h")
    assert head is not None
    assert head.length == 0


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
        PLAIN.replace(b"HTTP/1.1", b"HTTP/1.1 "),
        PLAIN.replace(b"POST ", b"POST  "),
        PLAIN.replace(b"POST", b"post"),
        PLAIN.replace(b"/api", b"http://h/api"),
        PLAIN.replace(b"?a", b"#a"),
        PLAIN.replace(b"%20b", b"\xc3\xa4"),
        PLAIN.replace(b"Host: hooks.example.com\r\n", b""),
        PLAIN + b"\r\nHost: other",
        PLAIN + b"\r\nContent-Length: 5",
        PLAIN + b"\r\ncontent-length: 6",
        PLAIN.replace(b"Length: 5", b"Length: +5"),
        PLAIN.replace(b"Length: 5", b"Length: 05"),
        PLAIN.replace(b"Length: 5", b"Length: 5, 5"),
        PLAIN.replace(b"Length: 5", b"Length: "),
        PLAIN.replace(b"Length: 5", b"Length: 12345678901"),
        PLAIN + b"\r\nTransfer-Encoding: chunked",
        PLAIN + b"\r\nExpect: 100-continue",
        PLAIN + b"\r\nUpgrade: h2c",
        PLAIN + b"\r\nConnection: upgrade",
        PLAIN + b"\r\nX_Twilio_Signature: abc",
        PLAIN + b"\r\nX-Space : abc",
        PLAIN + b"\r\n folded: abc",
        PLAIN + b"\r\nno colon",
        PLAIN + b"\r\n: nameless",
        PLAIN + b"\r\nX: \x00",
        PLAIN + b"\r\nX: \xff",
        PLAIN + b"\r\nX: a\nY: b",
        PLAIN + b"\r\nX: a\rY: b",
        PLAIN + b"\r\nX: " + b"a" * 8190,
        PLAIN.replace(b"a=%20b", b"a" * 8190),
        PLAIN + b"".join(b"\r\nX-%d: a" % i for i in range(61)),
        b"POST / HTTP/1.1",
        b"",
    ],
)  # fmt: skip
def test_what_two_readers_could_read_differently_is_not_read(raw):
    assert http_head.read(raw) is None


BYTES = st.sampled_from([b"\r\n", b"\r", b"\n", b":", b" ", b"\t", b"\x00", b"\xff", b",", b"chunked", b"Content-Length: 7",
                         b"Transfer-Encoding: chunked", b"Host: x", b"HTTP/1.1", b"_", b"#", b"%"])  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, len(PLAIN)), st.integers(0, 3), BYTES), max_size=3))
@example([])
def test_whatever_is_read_gunicorn_reads_the_same(cuts):
    raw = PLAIN
    for at, drop, put in cuts:
        raw = raw[:at] + put + raw[at + drop :]
    if http_head.END in raw or (head := http_head.read(raw)) is None:
        return
    parsed = next(RequestParser(Config(), io.BytesIO(raw + http_head.END + b"x" * 100), ("127.0.0.1", 1)))
    assert (parsed.method, parsed.uri, parsed.version) == (head.method, head.target, (1, 1))
    theirs = {name.lower(): value for name, value in parsed.headers}
    assert theirs == head.headers
    assert len(parsed.headers) == len(head.headers)
    assert parsed.body.read() == b"x" * head.length
    assert parsed.should_close() is head.is_last


@pytest.mark.parametrize(("before", "after"), [(b"X: ", b""), (b"X", b":y")])
def test_a_header_may_be_as_long_as_gunicorn_lets_it_be(before, after):
    for length, is_plain in ((MOST_LINE_BYTES - 2, True), (MOST_LINE_BYTES - 1, False)):
        raw = PLAIN + b"\r\n" + before + b"a" * (length - len(before + after)) + after
        assert (http_head.read(raw) is not None) is is_plain
        assert is_accepted(raw) is is_plain


@pytest.mark.parametrize(("length", "is_plain"), [(MOST_LINE_BYTES, True), (MOST_LINE_BYTES + 1, False)])
def test_a_request_line_may_be_as_long_as_gunicorn_lets_it_be(length, is_plain):
    first, _, rest = PLAIN.partition(b"\r\n")
    raw = first.replace(b"a=", b"a=" + b"x" * (length - len(first))) + b"\r\n" + rest
    assert (http_head.read(raw) is not None) is is_plain
    assert is_accepted(raw) is is_plain


@pytest.mark.parametrize(("count", "is_plain"), [(MOST_HEADERS, True), (MOST_HEADERS + 1, False)])
def test_there_may_be_as_many_headers_as_gunicorn_lets_there_be(count, is_plain):
    raw = PLAIN + b"".join(b"\r\nX-%d: a" % i for i in range(count - PLAIN.count(b"\r\n")))
    assert (http_head.read(raw) is not None) is is_plain
    assert is_accepted(raw) is is_plain


def is_accepted(raw: bytes) -> bool:
    """By gunicorn, with the limits of ours."""
    limits = Config()
    limits.set("limit_request_line", MOST_LINE_BYTES)
    limits.set("limit_request_fields", MOST_HEADERS)
    limits.set("limit_request_field_size", MOST_LINE_BYTES)
    try:
        next(RequestParser(limits, io.BytesIO(raw + http_head.END), ("127.0.0.1", 1)))
    except ParseException:
        return False
    return True


def test_a_client_may_wait_for_leave_to_send_its_body():
    assert http_head.waits_for_leave(PLAIN + b"\r\nexpect: 100-Continue")
    assert not http_head.waits_for_leave(PLAIN + b"\r\nX-Expect: 100-continue")
