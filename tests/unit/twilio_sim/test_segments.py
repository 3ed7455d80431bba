import pytest

from ops.twilio_sim.sms.segments import segment_count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 10, 2),
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("Ç" * 160, 1),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("x" * 66 + "😀" * 2, 1),
        ("x" * 66 + "😀" * 34, 3),
    ],
)
def test_a_text_is_cut_as_gsm_03_38_says(text, count):
    assert segment_count(text) == count
