"""The programme: every story is told and reported in its order, also when nothing is there to tell it to."""

from ops.demo.play import ALONE, LANES, play

NAMES = [name for lane in LANES for name, _ in lane] + [name for name, _ in ALONE]


def test_there_are_ten_stories_with_names_of_their_own():
    assert len(NAMES) == len(set(NAMES)) == 10


def test_every_story_fails_by_itself_when_nothing_is_running():
    said: list[str] = []
    nobody = dict.fromkeys(("TS_URL", "TS_SIMULATOR_URL", "TS_STANDINS_URL", "TS_PUBLIC_URL"), "http://127.0.0.1:9")
    env = nobody | {"TS_API_KEY": "key", "TWILIO_ACCOUNT_SID": f"AC{'0' * 32}", "TWILIO_AUTH_TOKEN": "token"}
    checks = play(env, said.append)
    assert [check.name for check in checks] == NAMES
    assert not any(check.ok for check in checks)
    assert all(name in line for name, line in zip(NAMES, said, strict=True))


def test_a_missing_variable_is_named_in_every_story():
    checks = play({}, lambda line: None)
    assert {check.detail for check in checks} == {"KeyError: 'TS_URL'"}
