"""The traffic: the same for the same seed, signed by the SDK, named by its own rules, and as unruly as promised."""

import hashlib
from collections import Counter
from itertools import islice
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator

from ops.faultlab.keys import key_of, kind_of
from ops.faultlab.traffic.lives import LETTERS_A_LIFE, lives, text_out_sids
from ops.faultlab.traffic.poison import MANY_FIELDS, poisons

ACCOUNT, TOKEN, BASE = "AC" + "0" * 32, "the auth token", "http://127.0.0.1:4000"
MANY = [*islice(lives(5, ACCOUNT), 2000)]
LETTERS = [letter for life in MANY for letter in life]


def test_a_seed_decides_every_byte():
    again = [letter for life in islice(lives(5, ACCOUNT), 50) for letter in life]
    assert again == LETTERS[: len(again)]
    assert [*islice(lives(6, ACCOUNT), 5)] != MANY[:5]


def test_the_rate_counts_what_lives_really_send():
    assert len(LETTERS) / len(MANY) == pytest.approx(LETTERS_A_LIFE, rel=0.05)


def test_a_tenth_comes_twice_with_token_and_body_unchanged():
    count = Counter((letter.key, letter.token, letter.body_sha256) for letter in LETTERS)
    assert sum(times > 1 for times in count.values()) / len(count) == pytest.approx(0.10, abs=0.02)


def test_some_come_late_behind_their_successors():
    order = ["queued", "sending", "sent", "delivered", "undelivered"]
    told = [[order.index(x.params["MessageStatus"]) for x in life if x.kind == "msg-status"] for life in MANY]
    assert any(states != sorted(states) for states in told)


def test_a_hundredth_is_forged_and_only_that_does_not_verify():
    forged = [letter for letter in LETTERS if letter.is_forged]
    assert len(forged) / len(LETTERS) == pytest.approx(0.01, abs=0.005)
    for letter in [*forged, *LETTERS[:200]]:
        signature = letter.headers(BASE, TOKEN)["X-Twilio-Signature"]
        assert RequestValidator(TOKEN).validate(BASE + letter.path, dict(letter.params), signature) != letter.is_forged


def test_what_is_sent_is_what_is_signed_and_hashed():
    for letter in LETTERS[:500]:
        if not letter.poison:
            assert dict(parse_qsl(letter.content.decode(), keep_blank_values=True)) == dict(letter.params)
        assert letter.body_sha256 == hashlib.sha256(letter.content).hexdigest()


def test_poison_hurts_in_four_ways():
    poisoned = {letter.poison: letter for letter in poisons(LETTERS[0])}
    assert b"%ff%fe" in poisoned["bad-utf8"].content
    assert b"%00" in poisoned["nul"].content
    assert b"9" * 400 in poisoned["huge-number"].content
    assert poisoned["many-fields"].content.count(b"&") > MANY_FIELDS
    assert {letter.poison for letter in LETTERS} - {""} == set(poisoned)


def test_the_kind_can_be_read_from_the_fields():
    for letter in LETTERS:
        assert kind_of(letter.params) == letter.kind


def test_texts_of_ours_are_known_beforehand():
    known = set().union(*map(text_out_sids, MANY))
    assert known == {letter.params["MessageSid"] for letter in LETTERS if letter.kind == "msg-status"}


def test_a_kind_without_a_rule_has_no_key():
    with pytest.raises(ValueError, match="no rule"):
        key_of("gather", {}, "")
