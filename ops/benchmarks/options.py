"""What a person may ask of ./ops/bench."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

# What can be measured, and the questions asked of it.
SCENARIOS: Final[Mapping[str, Sequence[str]]] = {
    "ingress": ("peers", "ack", "burst", "open", "e2e", "memory"),
    "answer": ("answer",),
    "sms": ("send", "drain", "beside", "where"),
    "calls": ("calls",),
    "control": ("control",),
    "recordings": ("store", "arrive", "listen", "list"),
    "downstream": ("told", "outage"),
}
# Of one measured window: usually, and quickly. A text takes longer than an answer.
_SECONDS: Final = {
    "ingress": (3.0, 1.0), "answer": (5.0, 1.0), "sms": (12.0, 4.0), "calls": (0.0, 0.0), "control": (20.0, 4.0),
    "recordings": (60.0, 6.0), "downstream": (6.0, 2.0),
}  # fmt: skip
_ROUNDS: Final = {"ingress": 3, "answer": 3, "sms": 1, "calls": 1, "control": 1, "recordings": 1, "downstream": 1}
_CALLS: Final = ("100", "20")
MOST_CALLS: Final = 500  # at once: the simulator has a thread for each


@dataclass(frozen=True)
class Options:
    """One command line, understood."""

    scenarios: Sequence[str]
    rounds: int
    seconds: float
    """Of one measured window."""
    calls: Sequence[int]
    """At once, each number in a house of its own."""
    appendfsync: str
    quick: bool
    write: bool
    command: str
    """What to type to measure the same again."""


def parse(words: Sequence[str]) -> Options:
    """The options in `words`. Ends the program on --help and on what it does not know."""
    parser = _parser()
    told = parser.parse_args(words)
    known = SCENARIOS[told.what]
    chosen = [word.strip() for word in told.only.split(",")] if told.only else [*known]
    if unknown := set(chosen) - set(known):
        parser.error(f"--only takes {', '.join(known)}, not {', '.join(sorted(unknown))}")
    if told.rounds is not None and not 1 <= told.rounds <= 20:
        parser.error("--rounds takes 1 to 20")
    if told.seconds is not None and not 0.2 <= told.seconds <= 30:
        parser.error("--seconds takes 0.2 to 30")
    calls = _calls(parser, told.calls or _CALLS[told.quick])
    typed = [word for word in words if word != "--write"]
    return Options(
        scenarios=[name for name in known if name in chosen],
        rounds=told.rounds or (1 if told.quick else _ROUNDS[told.what]),
        seconds=told.seconds or _SECONDS[told.what][told.quick],
        calls=calls,
        appendfsync=told.appendfsync,
        quick=told.quick,
        write=told.write,
        command=" ".join(["./ops/bench", *typed]),
    )


def _calls(parser: argparse.ArgumentParser, words: str) -> list[int]:
    counts = [int(word) if word.strip().isdigit() else 0 for word in words.split(",")]
    if not all(1 <= count <= MOST_CALLS for count in counts):
        parser.error(f"--calls takes numbers from 1 to {MOST_CALLS}")
    return counts


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./ops/bench",
        description="Measures the service on this machine, on loopback only, with stores of its own.",
    )
    parser.add_argument("what", choices=[*SCENARIOS])
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it works, not how fast it is")
    parser.add_argument("--only", metavar="A,B", help=f"some of {_words()}; without: all")
    parser.add_argument("--rounds", type=int, metavar="N", help="every subject is measured so often; usually 3, or 1")
    parser.add_argument("--seconds", type=float, metavar="S", help="length of one measured window; usually 3, 12 or 20")
    parser.add_argument("--calls", metavar="N,M", help=f"so many at once, up to {MOST_CALLS}; usually 100")
    parser.add_argument(
        "--appendfsync", choices=["always", "everysec"], default="always", help="Redis's; usually always, as shipped"
    )
    parser.add_argument("--write", action="store_true", help="put the figures into ops/docs/performance.md")
    return parser


def _words() -> str:
    return "; ".join(f"{what}: {','.join(names)}" for what, names in SCENARIOS.items())
