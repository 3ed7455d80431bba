"""Silence as MP3 of exact length: MPEG-2 layer III frames of 64 kbit/s at 24 kHz, each 24 ms.

What nobody hears differs with the recording: a mark stands in each frame where decoders look for nothing.
"""

from collections.abc import Iterator

from ops.twilio_sim.dice import digest

FRAME_BYTES = 192  # 72 * 64000 bit/s / 24000 Hz
FRAMES_IN_3_S = 125  # three seconds are a whole number of frames, one second is not
SIDE_BYTES = 17  # of two channels; of one it is 9
_HEADERS = {1: b"\xff\xf3\x84\xc0", 2: b"\xff\xf3\x84\x00"}  # sync, MPEG-2 layer III, 64 kbit/s, 24 kHz, mono or stereo


def mp3_size(duration_s: int) -> int:
    """Bytes of the whole file; the last frame may end up to 24 ms late."""
    return _frames(duration_s) * FRAME_BYTES


def mp3_chunks(name: str, duration_s: int, channels: int) -> Iterator[bytes]:
    """The file of the recording `name` in pieces of about three seconds. Side information of zeros decodes to silence."""
    whole, rest = divmod(_frames(duration_s), FRAMES_IN_3_S)
    for number in range(whole):
        yield _frame(name, number, channels) * FRAMES_IN_3_S
    yield _frame(name, whole, channels) * rest


def _frame(name: str, number: int, channels: int) -> bytes:
    """The mark is of letters, so that nobody takes it for the beginning of a frame."""
    mark = digest("mark", name, number, size=16).hex().encode()
    return (_HEADERS[channels] + bytes(SIDE_BYTES) + mark).ljust(FRAME_BYTES, b"\0")


def _frames(duration_s: int) -> int:
    return -(-duration_s * FRAMES_IN_3_S // 3)
