"""Silence as MP3 of exact length: MPEG-2 layer III frames of 64 kbit/s at 24 kHz, each 24 ms."""

from collections.abc import Iterator

FRAME_BYTES = 192  # 72 * 64000 bit/s / 24000 Hz
FRAMES_IN_3_S = 125  # three seconds are a whole number of frames, one second is not
_HEADERS = {1: b"\xff\xf3\x84\xc0", 2: b"\xff\xf3\x84\x00"}  # sync, MPEG-2 layer III, 64 kbit/s, 24 kHz, mono or stereo


def mp3_size(duration_s: int) -> int:
    """Bytes of the whole file; the last frame may end up to 24 ms late."""
    return _frames(duration_s) * FRAME_BYTES


def mp3_chunks(duration_s: int, channels: int) -> Iterator[bytes]:
    """The file in pieces of about three seconds. Side information of zeros decodes to silence."""
    frame = _HEADERS[channels].ljust(FRAME_BYTES, b"\0")
    whole, rest = divmod(_frames(duration_s), FRAMES_IN_3_S)
    yield from (frame * FRAMES_IN_3_S for _ in range(whole))
    yield frame * rest


def _frames(duration_s: int) -> int:
    return -(-duration_s * FRAMES_IN_3_S // 3)
