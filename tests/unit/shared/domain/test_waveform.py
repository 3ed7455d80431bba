"""Pictures of recordings: readable by strict readers, and true to the peaks."""

import struct
import zlib
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.waveform import png, svg

SIZES = st.integers(16, 300)


def pixels(picture: bytes) -> list[bytes]:
    """The lines of a PNG as this service writes them, its checksums checked."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        name, content = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", picture, at + 8 + length) == (zlib.crc32(name + content),)
        chunks[name], at = content, at + 12 + length
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    raw = zlib.decompress(chunks[b"IDAT"])
    assert len(raw) == height * (width + 1)
    return [raw[line * (width + 1) + 1 : (line + 1) * (width + 1)] for line in range(height)]


@given(st.binary(min_size=1, max_size=600), st.sampled_from([1, 2]), SIZES, SIZES)
def test_every_picture_is_well_formed_and_of_its_size(peaks: bytes, channels: int, width: int, height: int):
    peaks *= channels
    lines = pixels(png(peaks, channels, width, height))
    assert (len(lines), {len(line) for line in lines}) == (height, {width})
    root = ElementTree.fromstring(svg(peaks, channels, width, height, 'RE1 <&"'))
    assert (root.get("role"), root.get("width")) == ("img", str(width))
    assert len(root.findall("{*}path")) == channels


def test_the_title_is_said_and_cannot_break_out():
    root = ElementTree.fromstring(svg(b"\1", 1, 16, 16, "<script>1</script>"))
    assert root.findtext("{*}title") == "<script>1</script>"
    assert root.find(".//{*}script") is None


@pytest.mark.parametrize("count", [3, 16, 1000])
def test_the_loudest_moment_is_never_lost(count: int):
    for at in range(count):
        peaks = bytes(255 if at == each else 0 for each in range(count))
        assert any(pixels(png(peaks, 1, 16, 17))[0]), at


def test_silence_is_a_thin_line_and_noise_fills_the_height():
    silence, noise = pixels(png(bytes(16), 1, 16, 17)), pixels(png(b"\xff" * 16, 1, 16, 17))
    assert [line for line in silence if any(line)] == [b"\1" * 16]
    assert noise == [b"\1" * 16] * 17


def test_each_channel_has_a_row_and_a_colour_of_its_own():
    lines = pixels(png(bytes(16) + b"\xff" * 16, 2, 16, 32))
    assert set(b"".join(lines[:16])) == {0, 1}
    assert set(b"".join(lines[16:])) == {2}
