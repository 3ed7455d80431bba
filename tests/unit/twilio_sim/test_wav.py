import io
import wave

import pytest

from ops.twilio_sim.wav import wav_chunks, wav_size


@pytest.mark.parametrize(("seconds", "channels"), [(0, 1), (1, 1), (3, 2)])
def test_the_file_is_exactly_as_long_as_promised(seconds, channels):
    data = b"".join(wav_chunks("RE1", seconds, channels))
    assert len(data) == wav_size(seconds, channels)
    with wave.open(io.BytesIO(data)) as sound:
        assert (sound.getnframes(), sound.getnchannels(), sound.getsampwidth()) == (seconds * 8000, channels, 2)


def test_the_two_channels_differ():
    with wave.open(io.BytesIO(b"".join(wav_chunks("RE1", 1, 2)))) as sound:
        samples = memoryview(sound.readframes(8000)).cast("h").tolist()
    assert samples[0::2] != samples[1::2]
