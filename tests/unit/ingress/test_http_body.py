"""Where a body ends is known without waiting, and as gunicorn's parser will find it."""

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.parser import RequestParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingress import http_body
from ingress.http_head import END
from ingress.limits import MOST_BODY_BYTES

HEAD = b"POST / HTTP/1.1\r\nHost: a"
CHUNKS = b"\r\nTransfer-Encoding: chunked"


def is_whole(head: bytes, body: bytes) -> bool:
    raw = HEAD + head
    return http_body.of(raw, len(raw) + len(END)).is_whole(raw + END + body)


@pytest.mark.parametrize(
    ("head", "part", "rest"),
    [
        (b"\r\nContent-Length: 5", b"1234", b"5"),
        (b"\r\ncontent-length:5\r\nX: y", b"1234", b"5"),
        (b"\r\nContent-Length: 00000000005", b"1234", b"5"),
        (CHUNKS, b"4\r\nabcd\r\n", b"0\r\n\r\n"),
        (CHUNKS, b"6\r\nab\r\n\r\n", b"\r\n0\r\n\r\n"),
        (CHUNKS, b"1\r\n0\r\n", b"0\r\n\r\n"),
        (CHUNKS, b"4 ;a=b\r\nabcd\r\n0", b"\r\n\r\n"),
        (CHUNKS, b"0\r\nX: y\r\n", b"\r\n"),
        (CHUNKS, b"000000A\r\n0123456789\r", b"\n0\r\n\r\n"),
        (b"\r\nTransfer-Encoding:\tgzip, Chunked", b"4\r\nabcd\r\n", b"0\r\n\r\n"),
    ],
)
def test_an_odd_request_is_waited_for_until_all_of_it_is_there(head, part, rest):
    assert not is_whole(head, part)
    assert is_whole(head, part + rest)
    assert is_whole(head, part + rest + b"GET /next")


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"\r\nContent-Length: 5\r\nContent-Length: 6", b""),
        (b"\r\nContent-Length: 5, 5", b""),
        (b"\r\nContent-Length: +5", b""),
        (CHUNKS + b"\r\nContent-Length: 5", b""),
        (CHUNKS, b"xyz\r\n"),
        (CHUNKS, b"-1\r\n"),
        (CHUNKS, b"\r\n"),
        (CHUNKS, b"fffffffffffffffff\r\n"),
        (b"\r\nX: y", b""),
    ],
)
def test_what_gunicorn_refuses_is_not_waited_for(head, body):
    assert is_whole(head, body)


@pytest.mark.parametrize("digits", [b"65537", b"0065537", b"9" * 11, b"9" * 6000])
def test_a_body_that_says_it_is_too_large_is_known_at_once(digits):
    assert http_body.of(HEAD + b"\r\nContent-Length: " + digits, 0).is_too_large


@pytest.mark.parametrize("digits", [b"0", b"65536", b"0" * 6000 + b"5"])
def test_a_body_that_may_come_is_not(digits):
    assert not http_body.of(HEAD + b"\r\nContent-Length: " + digits, 0).is_too_large
    assert MOST_BODY_BYTES == 65536


HEADS = st.sampled_from([
    CHUNKS, b"\r\nTransfer-Encoding: gzip, chunked", b"\r\nTransfer-Encoding: chunked, chunked",
    b"\r\nTransfer-Encoding: x", b"\r\nTransfer-Encoding: identity", b"\r\nTransfer-Encoding:\r\n chunked",
    b"\r\nX-A: chunked", b"\r\nContent-Length: 7", b"\r\nContent-Length:\t 007", b"\r\nCONTENT-LENGTH: 3",
    b"\r\nContent-Length: x", b"\r\nContent_Length: 9", b"\r\nContent-Length : 9",
])  # fmt: skip
PIECES = st.sampled_from([
    b"3\r\nabc\r\n", b"1;x=y\r\n0\r\n", b"0\r\n", b"\r\n", b"a", b"X: y\r\n", b"A\r\n0\r\n\r\n0\r\n\r\n12\r\n",
    b"5 \r\n", b"abcdefg",
])  # fmt: skip


@settings(deadline=None)
@given(st.lists(HEADS, max_size=2), st.lists(PIECES, max_size=6))
@example([CHUNKS], [b"3\r\nabc\r\n", b"0\r\n", b"\r\n"])
def test_what_is_taken_for_whole_is_whole_for_gunicorn_too(heads, pieces):
    """Or a thread would want more. And what gunicorn takes is not waited for any longer than it needs."""
    head, body = b"".join(heads), b"".join(pieces)
    ends = range(len(body) + 1)
    whole = next((end for end in ends if is_whole(head, body[:end])), None)
    taken = next((end for end in ends if is_taken(head, body[:end])), None)
    assert whole is None or is_taken(head, body[:whole]) is not None
    assert taken is None or whole == taken


@given(st.lists(PIECES, max_size=8), st.lists(st.integers(1, 5), min_size=1, max_size=40))
def test_a_body_that_comes_in_pieces_ends_where_it_ends_in_one(pieces, sizes):
    start, body = len(HEAD + CHUNKS + END), b"".join(pieces)
    followed, at = http_body.of(HEAD + CHUNKS, start), 0
    for size in sizes:
        at += size
        assert followed.is_whole(HEAD + CHUNKS + END + body[:at]) is is_whole(CHUNKS, body[:at])


def is_taken(head: bytes, body: bytes) -> bool | None:
    """What gunicorn makes of it: a request, none (False), or nothing yet because it wants more (None)."""
    wants_more = False

    def source():
        nonlocal wants_more
        yield HEAD + head + END + body
        wants_more = True

    try:
        next(RequestParser(Config(), source(), ("127.0.0.1", 1))).body.read()
    except (ParseException, NoMoreData):
        return None if wants_more else False
    return None if wants_more else True
