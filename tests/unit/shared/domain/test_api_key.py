import pytest

from shared.domain.api_key import assemble, read

KEY = assemble("sandbox", "AbCd1234", "x" * 30)


def test_a_key_is_read_back_with_its_public_part():
    assert read(KEY.text) == KEY
    assert KEY.key_id == "AbCd1234"
    assert KEY.text.startswith("tsk_sandbox_AbCd1234_")


@pytest.mark.parametrize("position", range(len("tsk_sandbox_"), len(KEY.text)))
def test_one_changed_character_is_noticed_without_asking_the_database(position):
    changed = KEY.text[:position] + ("y" if KEY.text[position] != "y" else "z") + KEY.text[position + 1 :]
    assert read(changed) is None


@pytest.mark.parametrize("text", ["", "tsk_", "Bearer x", KEY.text + "\n", KEY.text[:-1], "sk_live_1234"])
def test_what_has_not_the_shape_is_no_key(text):
    assert read(text) is None


def test_the_digest_is_of_the_whole_key():
    assert KEY.digest() != assemble("sandbox", "AbCd1234", "x" * 29 + "y").digest()
    assert len(KEY.digest()) == 32
