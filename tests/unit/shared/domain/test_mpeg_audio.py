from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.mpeg_audio import Frame, FrameCounter, frame_of

MPEG_1, MPEG_2, MPEG_25 = 3, 2, 0


def header(version, kbit=4, rate=0, padding=0, mono=True):
    bits = 0x7FF << 21 | version << 19 | 1 << 17 | 1 << 16 | kbit << 12 | rate << 10 | padding << 9
    return (bits | (3 if mono else 0) << 6).to_bytes(4, "big")


def frame(*args, **kwargs):
    head = header(*args, **kwargs)
    return head + bytes(frame_of(head).size_bytes - 4)


SIZE = len(frame(MPEG_2))


def counted(content, cuts=()):
    counter = FrameCounter()
    for start, stop in pairwise([0, *sorted(cuts), len(content)]):
        counter.feed(content[start:stop])
    return counter.end()


@pytest.mark.parametrize(
    ("head", "is_"),
    [
        # 128 kbit/s at 44.1 kHz is the well known 417 bytes.
        (bytes.fromhex("fffb9064"), Frame(MPEG_1, 2, 44_100, 417)),
        (bytes.fromhex("fff340c0"), Frame(MPEG_2, 1, 22_050, 104)),
        (header(MPEG_25, kbit=4, rate=2), Frame(MPEG_25, 1, 8_000, 288)),
    ],
)
def test_a_header_says_how_long_its_frame_is(head, is_):
    assert frame_of(head) == is_


kinds = st.tuples(st.sampled_from([MPEG_1, MPEG_2, MPEG_25]), st.integers(0, 2), st.booleans())


@given(kinds, st.lists(st.tuples(st.integers(1, 14), st.integers(0, 1)), min_size=1, max_size=20), st.data())
def test_the_seconds_are_those_of_the_frames_however_they_come(kind, frames, data):
    version, rate, mono = kind
    content = b"".join(frame(version, kbit, rate, padding, mono) for kbit, padding in frames)
    cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=8))
    first = frame_of(content[:4])
    assert counted(content, cuts) == (len(frames) * first.samples / first.rate, 1 if mono else 2)


@given(st.binary(max_size=300), st.booleans(), st.booleans(), st.lists(st.integers(0, 500), max_size=5))
def test_tags_and_the_first_frames_table_are_no_sound(tag, footer, old, cuts):
    size = len(tag)
    id3 = b"ID3\x04\0" + bytes([0x10 if footer else 0, 0, 0, size >> 7, size & 127]) + tag + bytes(10 if footer else 0)
    info = frame(MPEG_2)
    info = info[:13] + b"Info" + info[17:]
    content = id3 + info + frame(MPEG_2) * 5 + (b"TAG" + bytes(125) if old else b"")
    assert counted(content, [cut for cut in cuts if cut < len(content)]) == (5 * 576 / 22_050, 1)


@given(st.integers(1, 5 * SIZE))
def test_one_that_ends_within_a_frame_is_refused(kept):
    content = (frame(MPEG_2) * 5)[:kept]
    if kept % SIZE:
        with pytest.raises(ValueError, match="cut short"):
            counted(content)
    else:
        assert counted(content) == (kept // SIZE * 576 / 22_050, 1)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"ID3", b"ID3\x04\0\0\0\0\x7f\x7f", b"<html>no such recording</html>", b"RIFF\0\0\0\0WAVEfmt ",
        frame(MPEG_2) + frame(MPEG_1), frame(MPEG_2, mono=True) + frame(MPEG_2, mono=False),
        frame(MPEG_2) + b"\0" * SIZE, frame(MPEG_2) + b"TAG" + bytes(130), bytes(1000),
        header(MPEG_2, kbit=0) + bytes(200), header(MPEG_2, kbit=15) + bytes(200), header(MPEG_2, rate=3) + bytes(200),
    ],
)  # fmt: skip
def test_what_is_no_mp3_is_refused(content):
    with pytest.raises(ValueError, match=r".+"):
        counted(content)


@given(st.binary(max_size=2000))
def test_any_bytes_are_counted_or_refused(content):
    try:
        seconds, channels = counted(content)
    except ValueError:
        return
    assert seconds > 0
    assert channels in (1, 2)
