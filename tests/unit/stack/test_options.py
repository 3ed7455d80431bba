"""What ./ops/up understands."""

import socket

import pytest

from ops.stack import options
from ops.stack.options import Refused


def test_without_a_word_the_usual_ports_are_taken():
    asked = options.parse([], {})
    assert asked.ports == {
        "ingress": 4000,
        "admin": 4001,
        "fallback": 4002,
        "simulator": 4010,
        "standins": 4020,
        "flower": 5555,
    }
    assert asked.demo


def test_a_flag_is_stronger_than_a_variable():
    asked = options.parse(["--port", "4100"], {"TS_PORT": "4200", "FLOWER_PORT": "5600"})
    assert (asked.ports["ingress"], asked.ports["flower"]) == (4100, 5600)


def test_auto_ports_fills_only_what_is_not_named():
    asked = options.parse(["--auto-ports", "--port", "4100"], {})
    assert asked.ports["ingress"] == 4100
    assert len(set(asked.ports.values())) == 6
    assert asked.ports["flower"] != 5555


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (["--json"], {}),
        (["--redis", "sqlite"], {}),
        ([], {"TS_PORT": "http"}),
        ([], {"TS_PORT": "70000"}),
        (["--port", "4001"], {}),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_starts(words: list[str], environ: dict[str, str]):
    with pytest.raises(Refused):
        options.parse(words, environ)


def test_the_real_twilio_gets_no_demo():
    assert not options.parse(["--real-twilio"], {}).demo


def test_every_taken_port_is_named_at_once():
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        taken = [first.getsockname()[1], second.getsockname()[1]]
        asked = options.parse(["--auto-ports", "--port", str(taken[0]), "--flower-port", str(taken[1])], {})
        with pytest.raises(Refused) as refusal:
            options.refuse_taken(asked.ports)
    assert f"TS_PORT={taken[0] + 100}" in str(refusal.value)
    assert f"FLOWER_PORT={taken[1] + 100}" in str(refusal.value)
