"""What a person may ask of ./ops/bench."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SCENARIOS: Final = ("peers", "ack", "burst", "open", "e2e", "memory")


@dataclass(frozen=True)
class Options:
    """One command line, understood."""

    scenarios: Sequence[str]
    rounds: int
    seconds: float
    """Of one measured window."""
    appendfsync: str
    quick: bool
    write: bool
    command: str
    """What to type to measure the same again."""


def parse(words: Sequence[str]) -> Options:
    """The options in `words`. Ends the program on --help and on what it does not know."""
    parser = _parser()
    told = parser.parse_args(words)
    chosen = [word.strip() for word in told.only.split(",")] if told.only else [*SCENARIOS]
    if unknown := set(chosen) - set(SCENARIOS):
        parser.error(f"--only takes {', '.join(SCENARIOS)}, not {', '.join(sorted(unknown))}")
    if told.rounds is not None and not 1 <= told.rounds <= 20:
        parser.error("--rounds takes 1 to 20")
    if told.seconds is not None and not 0.2 <= told.seconds <= 30:
        parser.error("--seconds takes 0.2 to 30")
    typed = [word for word in words if word != "--write"]
    return Options(
        scenarios=[name for name in SCENARIOS if name in chosen],
        rounds=told.rounds or (1 if told.quick else 3),
        seconds=told.seconds or (1.0 if told.quick else 3.0),
        appendfsync=told.appendfsync,
        quick=told.quick,
        write=told.write,
        command=" ".join(["./ops/bench", *typed]),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./ops/bench",
        description="Measures the ingress on this machine, on loopback only, with stores of its own.",
    )
    parser.add_argument("what", choices=["ingress"])
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it works, not how fast it is")
    parser.add_argument("--only", metavar="A,B", help=f"some of {','.join(SCENARIOS)}; without: all")
    parser.add_argument("--rounds", type=int, metavar="N", help="every subject is measured so often; usually 3")
    parser.add_argument("--seconds", type=float, metavar="S", help="length of one measured window; usually 3")
    parser.add_argument(
        "--appendfsync", choices=["always", "everysec"], default="always", help="Redis's; usually always, as shipped"
    )
    parser.add_argument("--write", action="store_true", help="put the figures into ops/docs/performance.md")
    return parser
