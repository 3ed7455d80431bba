"""What a person sees: a tick and its seconds for every step, the closing screen, one line for whatever happens later."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, TextIO

PROBLEM, DONE = "✘", "✔"


class Checked(Protocol):
    """One check of the demo, as `ops.demo` reports it."""

    @property
    def ok(self) -> bool: ...


class Screen:
    """Writes lines to one stream; colours only on a terminal that wants them."""

    def __init__(self, out: TextIO, environ: Mapping[str, str] = os.environ):
        self.out = out
        self.has_colour = out.isatty() and "NO_COLOR" not in environ and environ.get("TERM") != "dumb"
        encoding = (out.encoding or "").lower().replace("-", "")
        self.marks = {DONE: DONE, PROBLEM: PROBLEM} if encoding.startswith("utf") else {DONE: "ok", PROBLEM: "XX"}

    def say(self, line: str) -> None:
        """One line. A reader that has gone away (a closed pipe) is no reason to stop the stack."""
        try:
            self.out.write(f"{line}\n")
            self.out.flush()
        except BrokenPipeError:
            self.out = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # open until the process ends

    def mark(self, *, ok: bool) -> str:
        """The tick or the cross."""
        text = self.marks[DONE if ok else PROBLEM]
        return f"\x1b[{32 if ok else 31}m{text}\x1b[0m" if self.has_colour else text

    @contextmanager
    def step(self, words: str) -> Iterator[None]:
        """A line with its seconds when the block is done, with a cross when it fails."""
        began = time.monotonic()
        try:
            yield
        except BaseException:
            self.say(f" {self.mark(ok=False)} {words}")
            raise
        self.say(f" {self.mark(ok=True)} {words:<58} {time.monotonic() - began:5.1f} s")


def closing(env: Mapping[str, str], checks: Sequence[Checked], ready_s: float, run_folder: str) -> list[str]:
    """The lines that say where everything is."""
    verdict = f"ready in {ready_s:.1f} s"
    if checks:
        verdict += f" — {sum(check.ok for check in checks)}/{len(checks)} demo checks passed"
    user = env["FLOWER_BASIC_AUTH"].partition(":")[0]
    lines = [
        "",
        f" {verdict}",
        f"   API + docs      {env['TS_URL']}/docs        key: TS_API_KEY in {run_folder}/env",
    ]
    if "TS_SIMULATOR_URL" in env:
        lines.append(f"   Simulator       {env['TS_SIMULATOR_URL']}             place a call, send a text, watch it")
    lines += [
        f"   Flower          {env['FLOWER_URL']}             user {user}, password: FLOWER_BASIC_AUTH in {run_folder}/env",
        f"   Metrics         {env['TS_ADMIN_URL']}/metrics",
        "   try             ./ops/cli --help",
        f"   logs {run_folder}/logs/   data {run_folder}/data/ (kept; --fresh wipes)   stop: Ctrl-C",
        "",
    ]
    return lines
