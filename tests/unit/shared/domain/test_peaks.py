from array import array

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.peaks import MOST, Peaks


def drawn(sound, channels, pieces=()):
    peaks = Peaks(channels, len(sound) // channels)
    start = 0
    for piece in [*pieces, len(sound)]:
        peaks.add(array("h", sound[start : start + piece * channels]).tobytes())
        start += piece * channels
    return peaks.taken()


@given(
    st.lists(st.integers(-32768, 32767), max_size=200),
    st.integers(1, 15),
    st.sampled_from([1, 2]),
    st.lists(st.integers(0, 700), max_size=6),
)
def test_each_peak_is_the_loudest_of_its_stretch_however_the_sound_comes(sound, times, channels, pieces):
    sound = sound * times
    sound = sound[: len(sound) - len(sound) % channels]
    frames = len(sound) // channels
    width = max(1, -(-frames // MOST))
    expected = [
        min(255, max(abs(value) for value in sound[channel::channels][start : start + width]) >> 7)
        for channel in range(channels)
        for start in range(0, frames, width)
    ]
    assert list(drawn(sound, channels, pieces)) == expected
    assert len(expected) <= MOST * channels


def test_silence_is_nought_and_the_loudest_is_255():
    assert drawn([0, 0, -32768, 32767], 2) == bytes([0, 255, 0, 255])
