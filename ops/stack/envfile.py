"""The files of `KEY='value'` lines: written whole or not at all, readable by their owner only, sourceable by any shell."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path


def write(path: Path, values: Mapping[str, str]) -> None:
    """Put `values` in `path` (0600) in one move: a reader sees the old file or the new one, never half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    lines = "".join(f"{key}={_quoted(value)}\n" for key, value in values.items())
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read(path: Path) -> dict[str, str]:
    """The values in `path`; empty when there is no such file."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return {}
    words = [shlex.split(line, comments=True) for line in text.split("\n")]
    return dict(found[0].split("=", 1) for found in words if found and "=" in found[0])


def _quoted(value: str) -> str:
    if "\n" in value:
        raise ValueError("a value of an env file must be one line")
    return "'" + value.replace("'", "'\"'\"'") + "'"
