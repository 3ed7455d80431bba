"""What people see: plain where there is no terminal, and the truth about the demo."""

import io
from dataclasses import dataclass

import pytest

from ops.stack.screen import Screen, closing

ENV = {
    "TS_URL": "http://127.0.0.1:4000",
    "TS_ADMIN_URL": "http://127.0.0.1:4001",
    "FLOWER_URL": "http://127.0.0.1:5555",
    "FLOWER_BASIC_AUTH": "demo:secret",
}


@dataclass
class Checked:
    ok: bool


def test_without_a_terminal_there_are_no_colours():
    out = io.StringIO()
    with Screen(out).step("done"):
        pass
    assert "\x1b" not in out.getvalue()
    assert "done" in out.getvalue()


def test_a_step_that_fails_gets_a_cross_and_the_fault_goes_on():
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with pytest.raises(RuntimeError), Screen(out).step("broken"):
        raise RuntimeError
    out.seek(0)
    assert "✘ broken" in out.read()


def test_a_stream_that_cannot_write_ticks_gets_words():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Screen(out).say(Screen(out).mark(ok=True))
    out.seek(0)
    assert out.read() == "ok\n"


def test_a_reader_that_has_gone_away_does_not_stop_the_stack():
    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    screen = Screen(Closed())
    screen.say("one")
    screen.say("two")
    screen.out.close()


def test_the_closing_screen_counts_the_checks_and_hides_the_password():
    text = "\n".join(closing(ENV, [Checked(ok=True), Checked(ok=False)], 5.84, ".run"))
    assert "ready in 5.8 s — 1/2 demo checks passed" in text
    assert "secret" not in text
    assert "Simulator" not in text
